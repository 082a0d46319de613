// What image processors of transformers ask for, rule by rule.
#include "processor_support.hpp"

using namespace vef;
using namespace vef::test;

namespace {

using sides = std::array<std::uint32_t, 2>;
sides size_of(const preparation& x) { return {x.width, x.height}; }
sides crop_of(const preparation& x) { return {x.crop_width, x.crop_height}; }

constexpr std::array half{0.5f, 0.5f, 0.5f};
constexpr std::array ones{1.0f, 1.0f, 1.0f};
constexpr std::array zeros{0.0f, 0.0f, 0.0f};

} // namespace

TEST_CASE("every processor has the defaults of its own") {
  struct expected {
    std::string type;
    resize_rule resize;
    std::uint32_t side, crop;
    interpolation filter, torchvision_filter;
    bool clip_colours = false;
  };
  constexpr auto edge = resize_rule::shortest_edge, exact = resize_rule::exact;
  constexpr auto bilinear = interpolation::bilinear, bicubic = interpolation::bicubic;
  const expected all[] = {
      {"CLIP", edge, 224, 224, bicubic, bicubic, true},
      {"Bit", edge, 224, 224, bicubic, bicubic, true},
      {"Siglip", exact, 224, 0, bicubic, bicubic},
      {"ViT", exact, 224, 0, bilinear, bilinear},
      {"DeiT", exact, 256, 224, bicubic, bicubic},
      {"ConvNext", exact, 384, 0, bilinear, bicubic}, // 384 is squashed
      {"EfficientNet", exact, 346, 0, interpolation::nearest, bicubic},
      {"MobileNetV2", edge, 256, 224, bilinear, bilinear},
  };
  for (const auto& e : all)
    for (auto whose : {pillow, arithmetic::pillow_13, torchvision}) {
      INFO(e.type << " " << to_string(whose));
      auto x = good(of(e.type), "", whose);
      CHECK(x.resize == e.resize);
      CHECK(size_of(x) == sides{e.side, e.side});
      CHECK(crop_of(x) == sides{e.crop, e.crop});
      CHECK(x.filter == (whose == torchvision ? e.torchvision_filter : e.filter));
      CHECK(x.scale == 1.0 / 255);
      CHECK(x.shift == 0);
      CHECK(x.mean == (e.clip_colours ? std::array{0.48145466f, 0.4578275f, 0.40821073f} : half));
      CHECK(x.std == (e.clip_colours ? std::array{0.26862954f, 0.26130258f, 0.27577711f} : half));
      CHECK(x.divisor == (e.type == "EfficientNet" ? half : ones));
    }
}

TEST_CASE("a processor is known by all the spellings of its type") {
  const auto clip = good(of("CLIP"));
  for (std::string type : {"CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor",
                           "CLIPFeatureExtractorFast"}) {
    CHECK(good(R"({"image_processor_type": ")" + type + "\"}", "vit") == clip);
    CHECK(good(R"({"feature_extractor_type": ")" + type + "\"}", "vit") == clip);
  }
  CHECK(
      good(
          R"({"feature_extractor_type": "ViTFeatureExtractor", "image_processor_type": "CLIPImageProcessor"})")
      == clip);
  CHECK(good(R"({"feature_extractor_type": "CLIPFeatureExtractor", "image_processor_type": null})") == clip);
}

TEST_CASE("a file that names no processor takes its family's own") {
  const std::pair<std::string, std::string> all[] = {{"clip", "CLIP"},
                                                     {"clip_vision_model", "CLIP"},
                                                     {"siglip", "Siglip"},
                                                     {"siglip_vision_model", "Siglip"},
                                                     {"dinov2", "Bit"},
                                                     {"dinov2_with_registers", "Bit"},
                                                     {"vit", "ViT"},
                                                     {"swin", "ViT"},
                                                     {"deit", "DeiT"},
                                                     {"resnet", "ConvNext"},
                                                     {"convnext", "ConvNext"},
                                                     {"convnextv2", "ConvNext"},
                                                     {"efficientnet", "EfficientNet"},
                                                     {"mobilenet_v2", "MobileNetV2"}};
  for (const auto& [model_type, type] : all) {
    CHECK(good("{}", model_type) == good(of(type)));
    CHECK(good(R"({"size": 90})", model_type) == good(of(type, R"("size": 90)")));
  }
}

TEST_CASE("a lone number for the size is the shortest edge or a square, as the processor has it") {
  for (std::string type : {"CLIP", "Bit", "MobileNetV2", "Siglip"}) {
    auto x = good(of(type, R"("size": 100)"));
    CHECK(x.resize == resize_rule::shortest_edge);
    CHECK(size_of(x) == sides{100, 100});
  }
  for (std::string type : {"ViT", "DeiT", "EfficientNet"}) {
    auto x = good(of(type, R"("size": 100)"));
    CHECK(x.resize == resize_rule::exact);
    CHECK(size_of(x) == sides{100, 100});
  }
}

TEST_CASE("the size in words says itself what it is") {
  auto squashed = good(of("CLIP", R"("size": {"height": 30, "width": 40})"));
  CHECK(squashed.resize == resize_rule::exact);
  CHECK(size_of(squashed) == sides{40, 30});
  CHECK(good(of("CLIP", R"("size": [30, 40])")) == squashed);
  CHECK(
      good(of("CLIP", R"("size": {"height": 30, "width": 40, "shortest_edge": null, "longest_edge": null})"))
      == squashed);
  auto kept = good(of("ViT", R"("size": {"shortest_edge": 50})"));
  CHECK(kept.resize == resize_rule::shortest_edge);
  CHECK(size_of(kept) == sides{50, 50});
}

TEST_CASE("a crop is a number or two sides, and may be switched on and off") {
  CHECK(crop_of(good(of("CLIP", R"("crop_size": 70)"))) == sides{70, 70});
  CHECK(crop_of(good(of("DeiT", R"("crop_size": {"height": 30, "width": 40})"))) == sides{40, 30});
  CHECK(crop_of(good(of("Bit", R"("crop_size": [30, 40])"))) == sides{40, 30});
  CHECK(crop_of(good(of("Bit", R"("crop_size": 70, "do_center_crop": false)"))) == sides{0, 0});
  CHECK(crop_of(good(of("EfficientNet", R"("do_center_crop": true)"))) == sides{289, 289});
  for (std::string type : {"Siglip", "ViT", "ConvNext"}) // these never crop by the key
    CHECK(good(of(type, R"("do_center_crop": true, "crop_size": 10)")) == good(of(type)));
}

TEST_CASE("below 384 ConvNext enlarges by the share that it crops, from there on it squashes") {
  auto check = [](const std::string& rest, resize_rule resize, std::uint32_t side, std::uint32_t crop) {
    INFO(rest);
    auto x = good(of("ConvNext", rest));
    CHECK(x.resize == resize);
    CHECK(size_of(x) == sides{side, side});
    CHECK(crop_of(x) == sides{crop, crop});
  };
  constexpr auto edge = resize_rule::shortest_edge, exact = resize_rule::exact;
  check(R"("size": 224)", edge, 256, 224);
  check(R"("size": {"shortest_edge": 224}, "crop_pct": 0.875)", edge, 256, 224);
  check(R"("size": 32, "crop_pct": 0.9)", edge, 35, 32);
  check(R"("size": 383, "crop_pct": 1)", edge, 383, 383);
  check(R"("size": 384, "crop_pct": 0.5)", exact, 384, 0);
  check(R"("size": 500)", exact, 500, 0);
  auto untouched = good(of("ConvNext", R"("size": 224, "do_resize": false)"));
  CHECK(untouched.resize == resize_rule::none);
  CHECK(crop_of(untouched) == sides{0, 0});
}

TEST_CASE("each step can be switched off") {
  auto x = good(of("CLIP", R"("do_resize": false)"));
  CHECK(x.resize == resize_rule::none);
  CHECK(crop_of(x) == sides{224, 224});
  CHECK(good(of("ViT", R"("do_rescale": false)")).scale == 1);
  CHECK(good(of("ViT", R"("do_rescale": false, "rescale_factor": 0.5)")).scale == 1);
  CHECK(good(of("ViT", R"("rescale_factor": 0.0078125)")).scale == 0.0078125);
  auto plain = good(of("ViT", R"("do_normalize": false)"));
  CHECK(plain.mean == zeros);
  CHECK(plain.std == ones);
  CHECK(plain.scale == 1.0 / 255);
}

TEST_CASE("mean and std are three numbers or one for all") {
  auto x = good(of("CLIP", R"("image_mean": [0.1, 0, -3], "image_std": [1, 2.5, 3])"));
  CHECK(x.mean == std::array{0.1f, 0.0f, -3.0f});
  CHECK(x.std == std::array{1.0f, 2.5f, 3.0f});
  x = good(of("CLIP", R"("image_mean": 0, "image_std": 0.25)"));
  CHECK(x.mean == zeros);
  CHECK(x.std == std::array{0.25f, 0.25f, 0.25f});
}

TEST_CASE("EfficientNet shifts by one and divides once more, as it is told") {
  auto x = good(of("EfficientNet", R"("image_std": [0.1, 0.2, 0.3], "rescale_offset": true)"));
  CHECK(x.shift == 1);
  CHECK(x.divisor == x.std);
  CHECK(good(of("EfficientNet", R"("rescale_offset": true, "do_rescale": false)")).shift == 0);
  CHECK(good(of("EfficientNet", R"("include_top": false)")).divisor == ones);
  auto only_divided = good(of("EfficientNet", R"("do_normalize": false, "image_std": 0.25)"));
  CHECK(only_divided.std == ones);
  CHECK(only_divided.divisor == std::array{0.25f, 0.25f, 0.25f});
  CHECK(good(of("ViT", R"("include_top": true, "rescale_offset": true)")) == good(of("ViT")));
}

TEST_CASE("all six filters are known by Pillow's numbers") {
  for (int code = 0; code < 6; ++code)
    CHECK(static_cast<int>(good(of("ConvNext", R"("resample": )" + std::to_string(code))).filter) == code);
}

TEST_CASE("null is the default and unknown keys are ignored") {
  for (std::string type : {"CLIP", "ConvNext", "EfficientNet"})
    CHECK(good(of(type,
                  R"("size": null, "crop_size": null, "crop_pct": null, "resample": null, "do_resize": null,
        "do_center_crop": null, "do_rescale": null, "rescale_factor": null, "do_normalize": null,
        "image_mean": null, "image_std": null, "include_top": null, "rescale_offset": null,
        "do_convert_rgb": null, "processor_class": "X", "do_flip": 3, "data_format": {"a": [1]})"))
          == good(of(type)));
}

TEST_CASE("the newer file comes first, then the older one, then the family's defaults") {
  processor_folder here;
  auto older = (here.path() / "preprocessor_config.json").string();
  auto settings = [&] {
    auto x = read_processor_file(here.path());
    REQUIRE(x);
    return *x;
  };
  auto size = [&] {
    auto x = read_processor(settings(), "vit", pillow);
    REQUIRE(x);
    return x->width;
  };
  CHECK(size() == 224);
  CHECK(settings().where == older);
  here.write("preprocessor_config.json", R"({"size": 100})");
  CHECK(size() == 100);
  for (std::string without : {R"({"processor_class": "X"})", R"({"image_processor": null})"}) {
    here.write("processor_config.json", without);
    CHECK(size() == 100);
  }
  auto newer = here.write("processor_config.json", R"({"image_processor": {"size": 50}, "size": 70})");
  CHECK(size() == 50);
  CHECK(settings().where == newer);
  here.write("processor_config.json", R"({"image_processor": 3})");
  CHECK_FALSE(read_processor(settings(), "vit", pillow));
  here.write("processor_config.json", "{");
  auto broken = read_processor_file(here.path());
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == errc::invalid_config);
  CHECK(broken.error().what.starts_with(newer + ":1:"));
}
