// Settings of image processors that no picture could be prepared by.
#include "processor_support.hpp"

#include <limits>

using namespace vef;
using namespace vef::test;

TEST_CASE("an unknown processor or model type is refused with what is known") {
  CHECK(complaint(of("CLAP"))
        == "'image_processor_type': unknown image processor 'CLAPImageProcessor'; did you mean "
           "'CLIPImageProcessor'?");
  CHECK(
      complaint(R"({"feature_extractor_type": "Whisper"})").starts_with("'feature_extractor_type': unknown"));
  CHECK(complaint(of("DINOv3ViT"))
        == "'image_processor_type': the image processor of DINOv3 is not supported yet");
  CHECK(
      complaint(R"({"image_processor_type": "DINOv3ViTImageProcessorFast"})").ends_with("not supported yet"));
  CHECK(complaint("{}", "dinov3_vit") == "the image processor of DINOv3 is not supported yet");
  CHECK(
      complaint("{}", "bert")
      == "the key 'image_processor_type' is missing, and no image processor is known for models of the type "
         "'bert'");
  CHECK(complaint(R"({"image_processor_type": 3})").starts_with("'image_processor_type' must be"));
}

TEST_CASE("settings that make no sense are refused with the key") {
  struct refusal {
    std::string type, settings, said;
  };
  const refusal all[] = {
      {"CLIP", R"("size": 0)", "'size' must be a whole number from 1 to 16384, not 0"},
      {"CLIP", R"("size": -1)", "'size' must be"},
      {"CLIP", R"("size": 16385)", "'size' must be"},
      {"CLIP", R"("size": 99999999999)", "'size' must be"},
      {"CLIP", R"("size": 224.0)", "'size' must be a whole number, [height, width], or a table"},
      {"CLIP", R"("size": "224")", "'size' must be"},
      {"CLIP", R"("size": true)", "'size' must be"},
      {"CLIP", R"("size": [1, 2, 3])", "'size' must be [height, width]"},
      {"CLIP", R"("size": [1, 0])", "'size' must be [height, width]"},
      {"CLIP", R"("size": {})", "the key 'size.width' is missing"},
      {"CLIP", R"("size": {"width": 3})", "the key 'size.height' is missing"},
      {"CLIP", R"("size": {"height": 3, "width": 0})", "'size.width' must be"},
      {"CLIP", R"("size": {"shortest_edge": "3"})", "'size.shortest_edge' must be"},
      {"CLIP", R"("size": {"longest_edge": 3})", "'size.longest_edge' is not supported"},
      {"CLIP", R"("size": {"shortest_edge": 3, "longest_edge": 4})", "'size.longest_edge' is not supported"},
      {"CLIP", R"("crop_size": 0)", "'crop_size' must be"},
      {"CLIP", R"("crop_size": {"shortest_edge": 3})", "'crop_size' must be a number, [height, width]"},
      {"CLIP", R"("crop_size": {"height": 3})", "the key 'crop_size.width' is missing"},
      {"CLIP", R"("do_center_crop": 1)", "'do_center_crop' must be true or false, not 1"},
      {"CLIP", R"("do_resize": "yes")", "'do_resize' must be true or false"},
      {"CLIP", R"("do_rescale": 0)", "'do_rescale' must be true or false"},
      {"CLIP", R"("do_normalize": [])", "'do_normalize' must be true or false"},
      {"CLIP", R"("resample": 9)", "'resample' must be a whole number from 0 to 5, not 9"},
      {"CLIP", R"("resample": -1)", "'resample' must be"},
      {"CLIP", R"("resample": "bicubic")", "'resample' must be"},
      {"CLIP", R"("rescale_factor": 0)", "'rescale_factor' must be a number over 0, not 0"},
      {"CLIP", R"("rescale_factor": -0.1)", "'rescale_factor' must be"},
      {"CLIP", R"("rescale_factor": 1e300)", "'rescale_factor' must be"},
      {"CLIP", R"("rescale_factor": "1/255")", "'rescale_factor' must be"},
      {"CLIP", R"("image_mean": [1, 2])",
       "'image_mean' must be a list of three numbers, red, green and blue"},
      {"CLIP", R"("image_mean": ["a", 1, 2])", "'image_mean' must be"},
      {"CLIP", R"("image_mean": [1e300, 1, 2])", "'image_mean' must be numbers that fit float32"},
      {"CLIP", R"("image_mean": "0.5")", "'image_mean' must be"},
      {"CLIP", R"("image_std": 0)", "'image_std' must be numbers other than 0"},
      {"CLIP", R"("image_std": [1, 0, 1])", "'image_std' must be numbers other than 0"},
      {"CLIP", R"("image_std": [1, 1e-60, 1])", "'image_std' must be numbers other than 0"},
      {"ConvNext", R"("crop_pct": 0)", "'crop_pct' must be a number over 0 and up to 1, not 0"},
      {"ConvNext", R"("crop_pct": -1)", "'crop_pct' must be"},
      {"ConvNext", R"("crop_pct": 1.01)", "'crop_pct' must be"},
      {"ConvNext", R"("crop_pct": "all")", "'crop_pct' must be"},
      {"ConvNext", R"("size": 224, "crop_pct": 0.001)",
       "'crop_pct' must be a larger number for a size of 224"},
      {"ConvNext", R"("size": {"height": 224, "width": 224})", "'size' must be the shortest edge alone"},
      {"EfficientNet", R"("include_top": "no")", "'include_top' must be true or false"},
      {"EfficientNet", R"("rescale_offset": 1)", "'rescale_offset' must be true or false"},
  };
  for (const auto& x : all) {
    auto said = complaint(of(x.type, x.settings));
    INFO(said);
    CHECK(said.starts_with(x.said));
  }
}

TEST_CASE("numbers that are not finite are refused") {
  for (auto odd : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    for (std::string key : {"rescale_factor", "image_mean", "image_std", "crop_pct"}) {
      document settings{.value = document::table{{key, "file.json", {.value = odd, .where = "file.json"}}},
                        .where = "file.json"};
      auto x = read_processor(settings, "convnext", pillow);
      REQUIRE_FALSE(x);
      CHECK(x.error().what.starts_with("file.json: '" + key + "' must be"));
    }
}

TEST_CASE("settings that are no table are refused") {
  auto x = read_processor({.value = std::string{"CLIP"}, .where = "file.json"}, "clip", pillow);
  REQUIRE_FALSE(x);
  CHECK(x.error() == error{errc::invalid_config, "file.json: the content must be a table, not a text"});
}

TEST_CASE("a file larger than the caller allows is not read as settings") {
  processor_folder here;
  auto file = here.write("large.json", "{\"a\": \"" + std::string(100, 'x') + "\"}");
  CHECK(read_document(file, 110));
  auto x = read_document(file, 100);
  REQUIRE_FALSE(x);
  CHECK(x.error().what == file + ": over 100 bytes, too large for a settings file");
  CHECK(read_document(here.write("huge.json", "{\"a\": \"" + std::string(3 << 20, 'x') + "\"}"), 4 << 20));
}
