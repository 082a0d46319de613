// Resizing in the arithmetics beside Pillow 12's: against what Pillow 13 and PyTorch make of pictures made
// here, and against a plain statement of the rules (hf.md, 5.3 and 5.4).
#include "image_rules.hpp"
#include "image_support.hpp"

#include <vef/backends/image/resample.hpp>

#include <filesystem>

using namespace vef;
using namespace vef::test;

namespace {

constexpr auto pillow = arithmetic::pillow, pillow_13 = arithmetic::pillow_13;
constexpr auto torchvision = arithmetic::torchvision;

struct recorded {
  interpolation filter;
  std::uint32_t width, height, to_width, to_height;
  std::string_view digest; // the first 16 digits of SHA-256 of what the reference makes of `made_picture`
};

// Pillow 13.0.0: first where it turns the order of the passes, then where it does not.
constexpr recorded of_pillow_13[] = {
    {interpolation::lanczos, 61, 143, 64, 40, "e9b83fa141a22c3c"},
    {interpolation::lanczos, 61, 400, 32, 32, "4cd7fd526d60240a"},
    {interpolation::lanczos, 7, 500, 90, 3, "af89bbfdbb264bba"},
    {interpolation::lanczos, 300, 320, 280, 270, "7c482714e2514898"},
    {interpolation::bilinear, 61, 143, 64, 40, "14e12d932a40cc54"},
    {interpolation::bilinear, 61, 400, 32, 32, "1c0fab45eb44fb99"},
    {interpolation::bilinear, 7, 500, 90, 3, "fcb7f3033c44a87d"},
    {interpolation::bilinear, 300, 320, 280, 270, "3e2029660820126d"},
    {interpolation::bicubic, 61, 143, 64, 40, "33e219447e615cf5"},
    {interpolation::bicubic, 61, 400, 32, 32, "14aab445b1234366"},
    {interpolation::bicubic, 7, 500, 90, 3, "ff9f3528faec4469"},
    {interpolation::bicubic, 300, 320, 280, 270, "cf12b790858254b9"},
    {interpolation::box, 61, 400, 32, 32, "e312982c2268378b"},
    {interpolation::box, 300, 320, 280, 270, "e17fb96dda041154"},
    {interpolation::hamming, 61, 143, 64, 40, "d3a50e869d281ee2"},
    {interpolation::hamming, 61, 400, 32, 32, "81e64de88e077b1e"},
    {interpolation::hamming, 7, 500, 90, 3, "2f1ea81e466a3404"},
    {interpolation::hamming, 300, 320, 280, 270, "3e29b71e028abe56"},
    {interpolation::nearest, 61, 400, 32, 32, "45d7ea1fce7cdce2"},
    {interpolation::bicubic, 261, 143, 64, 64, "0d4098691e84ccdd"},
    {interpolation::bicubic, 61, 43, 224, 160, "2e271545eb861f35"},
    {interpolation::bicubic, 61, 43, 61, 20, "0ea45bd4b7910417"},
    {interpolation::bicubic, 61, 43, 20, 43, "59bde6a03a6c3a3f"},
    {interpolation::bicubic, 500, 7, 3, 90, "b996b24fd90460b1"},
    {interpolation::bicubic, 90, 200, 80, 200, "3b44a3a0441cebd9"},
    {interpolation::bicubic, 1, 1, 5, 4, "0fae79691f3ecf65"},
};

// torch.nn.functional.interpolate of PyTorch 2.15, antialiased, nearest in its exact form.
constexpr recorded of_torchvision[] = {
    // The first three tell single from double precision.
    {interpolation::nearest, 106, 16, 106, 397, "96f0673b4578ef34"},
    {interpolation::nearest, 216, 119, 89, 203, "6a911a1128db35a7"},
    {interpolation::nearest, 383, 12, 299, 327, "29522adf7377e951"},
    {interpolation::nearest, 261, 143, 64, 64, "8dee532ca89c0339"},
    {interpolation::nearest, 61, 143, 64, 40, "b1708f9930e983c9"},
    {interpolation::nearest, 61, 400, 32, 32, "45d7ea1fce7cdce2"},
    {interpolation::nearest, 61, 43, 224, 160, "f4860961a1cc9585"},
    {interpolation::nearest, 61, 43, 61, 20, "3bf81d5a592a8d30"},
    {interpolation::nearest, 61, 43, 20, 43, "6fa348ca5d466b64"},
    {interpolation::nearest, 500, 7, 3, 90, "1de40c0c0721556a"},
    {interpolation::nearest, 7, 500, 90, 3, "13f729441ecbe93a"},
    {interpolation::nearest, 90, 200, 80, 200, "b9fa711e932a3da6"},
    {interpolation::nearest, 300, 320, 280, 270, "dd21d1b8c2d51c57"},
    {interpolation::nearest, 1, 1, 5, 4, "0fae79691f3ecf65"},
    {interpolation::lanczos, 261, 143, 64, 64, "9e2cf34d075dfe71"},
    {interpolation::lanczos, 61, 143, 64, 40, "8ada7537e5f31db9"},
    {interpolation::lanczos, 61, 400, 32, 32, "a756ee88ce677b2a"},
    {interpolation::lanczos, 61, 43, 224, 160, "bea7c20fd87c478a"},
    {interpolation::lanczos, 61, 43, 61, 20, "3f54c2096ac5d856"},
    {interpolation::lanczos, 61, 43, 20, 43, "1903ef85fe0e637e"},
    {interpolation::lanczos, 500, 7, 3, 90, "3c67b852bb822557"},
    {interpolation::lanczos, 7, 500, 90, 3, "2c80de8fe5972027"},
    {interpolation::lanczos, 90, 200, 80, 200, "38093a8d36559c9d"},
    {interpolation::lanczos, 300, 320, 280, 270, "4858af043919c670"},
    {interpolation::lanczos, 1, 1, 5, 4, "0fae79691f3ecf65"},
    {interpolation::bilinear, 261, 143, 64, 64, "ffdc659431d92f39"},
    {interpolation::bilinear, 61, 143, 64, 40, "ca6423bb439f6109"},
    {interpolation::bilinear, 61, 400, 32, 32, "18b4ad1dbcb14e21"},
    {interpolation::bilinear, 61, 43, 224, 160, "f5cf6bb90d3c7c71"},
    {interpolation::bilinear, 61, 43, 61, 20, "f9c8085b60a39677"},
    {interpolation::bilinear, 61, 43, 20, 43, "cbe6a5c7de131cd2"},
    {interpolation::bilinear, 500, 7, 3, 90, "6c905ac25555e102"},
    {interpolation::bilinear, 7, 500, 90, 3, "2a30f603b726d201"},
    {interpolation::bilinear, 90, 200, 80, 200, "2cedde558619f5c0"},
    {interpolation::bilinear, 300, 320, 280, 270, "57a894b36393d060"},
    {interpolation::bilinear, 1, 1, 5, 4, "0fae79691f3ecf65"},
    {interpolation::bicubic, 261, 143, 64, 64, "a9b5fefebfece255"},
    {interpolation::bicubic, 61, 143, 64, 40, "2ac746448362622d"},
    {interpolation::bicubic, 61, 400, 32, 32, "bd7db0622080eaf4"},
    {interpolation::bicubic, 61, 43, 224, 160, "c2b6b632eccb9865"},
    {interpolation::bicubic, 61, 43, 61, 20, "cc810c13f19b44e1"},
    {interpolation::bicubic, 61, 43, 20, 43, "74942e325d71a0cb"},
    {interpolation::bicubic, 500, 7, 3, 90, "b996b24fd90460b1"},
    {interpolation::bicubic, 7, 500, 90, 3, "ab18e5330109d27a"},
    {interpolation::bicubic, 90, 200, 80, 200, "6376c41fe940b3fa"},
    {interpolation::bicubic, 300, 320, 280, 270, "507236268e4b036c"},
    {interpolation::bicubic, 1, 1, 5, 4, "0fae79691f3ecf65"},
};

void check(std::span<const recorded> cases, arithmetic whose) {
  for (const auto& x : cases) {
    INFO(to_string(x.filter) << " " << x.width << "x" << x.height << " -> " << x.to_width << "x"
                             << x.to_height);
    auto out = resize(made_picture(x.width, x.height), x.to_width, x.to_height, x.filter, true, whose);
    CHECK(sha256(out.rgb).substr(0, 16) == x.digest);
  }
}

// -- pictures -----------------------------------------------------------------------------------------------

struct difference {
  std::size_t values = 0;
  int most = 0;
};

difference between(const pixels& a, const pixels& b) {
  REQUIRE(a.rgb.size() == b.rgb.size());
  difference out;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) {
    auto steps = std::abs(a.rgb[i] - b.rgb[i]);
    out.values += steps != 0;
    out.most = std::max(out.most, steps);
  }
  return out;
}

pixels cut(const pixels& picture, stretch columns, stretch rows) {
  pixels out{columns.size, rows.size, {}};
  for (std::size_t y = rows.start; y < rows.start + rows.size; ++y)
    for (std::size_t x = columns.start; x < columns.start + columns.size; ++x)
      for (std::size_t c = 0; c < 3; ++c) out.rgb.push_back(picture.rgb[(y * picture.width + x) * 3 + c]);
  return out;
}

struct size {
  std::uint32_t width, height;
};

constexpr size from_sizes[] = {{131, 77}, {40, 90}, {77, 131}, {5, 3}, {300, 20}, {33, 64}};
constexpr size to_sizes[] = {{64, 40}, {200, 150}, {131, 50}, {39, 77}, {7, 9}, {33, 24}, {90, 64}};
constexpr interpolation smooth[] = {interpolation::lanczos, interpolation::bilinear, interpolation::bicubic,
                                    interpolation::box, interpolation::hamming};

} // namespace

TEST_CASE("Pillow 13's arithmetic gives what Pillow 13 gives to the bit") { check(of_pillow_13, pillow_13); }

TEST_CASE("torchvision's arithmetic gives what PyTorch makes of 8-bit tensors to the bit") {
  check(of_torchvision, torchvision);
}

TEST_CASE("all arithmetics follow their rules to the bit") {
  for (auto whose : {pillow, pillow_13, torchvision})
    for (auto filter : smooth)
      for (auto [width, height] : from_sizes)
        for (auto to : to_sizes) {
          INFO(to_string(whose) << " " << to_string(filter) << " " << width << "x" << height << " -> "
                                << to.width << "x" << to.height);
          auto picture = made_picture(width, height);
          auto got = resize(picture, to.width, to.height, filter, true, whose);
          CHECK(between(got, resized_by_the_rules(picture, to.width, to.height, filter, whose)).values == 0);
        }
}

TEST_CASE("a part of a resized picture is the same as the whole one cut in every arithmetic") {
  for (auto whose : {pillow_13, torchvision})
    for (auto filter : {interpolation::nearest, interpolation::lanczos, interpolation::bilinear,
                        interpolation::bicubic, interpolation::box, interpolation::hamming})
      for (auto [width, height] : from_sizes)
        for (auto to : {size{64, 40}, size{200, 150}, size{131, 50}, size{33, 35}}) {
          INFO(to_string(whose) << " " << to_string(filter) << " " << width << "x" << height << " -> "
                                << to.width << "x" << to.height);
          auto picture = made_picture(width, height);
          auto whole = resize(picture, to.width, to.height, filter, true, whose);
          stretch columns{7, to.width - 20}, rows{11, to.height - 30};
          CHECK(resize_part(picture, to.width, to.height, filter, columns, rows, whose)
                == cut(whole, columns, rows));
        }
}

TEST_CASE("a weight that torchvision rounds by the whole axis stays so in a part without the largest one") {
  // At the rim one input alone makes an output, so that its weight is over 1; further in none comes near.
  auto axis = make_axis_weights(40, 80, interpolation::bicubic, {0, 80}, torchvision);
  auto part = make_axis_weights(40, 80, interpolation::bicubic, {20, 40}, torchvision);
  CHECK(axis.bits == 14);
  CHECK(part.bits == 14);
  CHECK(make_axis_weights(400, 20, interpolation::bilinear, {0, 20}, torchvision).bits == 19);
  CHECK(make_axis_weights(400, 20, interpolation::bilinear, {0, 20}, pillow).bits == 22);
}

TEST_CASE("on photographs torchvision is off Pillow by a step here and there") {
  VEF_NEEDS(shared_dir() / "golden/images");
  std::size_t values = 0, different = 0;
  for (const auto& file : std::filesystem::directory_iterator{shared_dir() / "golden/images"}) {
    auto picture = decode(image{file.path().string()});
    if (!picture) continue; // images.json
    for (auto filter : {interpolation::lanczos, interpolation::bilinear, interpolation::bicubic}) {
      INFO(file.path().filename() << " " << to_string(filter));
      auto of_pillow = resize(*picture, 64, 64, filter);
      auto found = between(of_pillow, resize(*picture, 64, 64, filter, true, torchvision));
      CHECK(found.most <= 2);
      different += found.values;
      values += of_pillow.rgb.size();
    }
  }
  REQUIRE(values > 500'000);
  CHECK(different > 0);
  CHECK(different * 200 < values);
}

TEST_CASE("on photographs Pillow 13 is off Pillow 12 only where it turns the order") {
  VEF_NEEDS(shared_dir() / "golden/images");
  std::size_t turned = 0, straight = 0;
  for (const auto& file : std::filesystem::directory_iterator{shared_dir() / "golden/images"}) {
    auto picture = decode(image{file.path().string()});
    if (!picture) continue; // images.json
    for (auto filter : {interpolation::lanczos, interpolation::bicubic}) {
      INFO(file.path().filename() << " " << to_string(filter));
      auto found =
          between(resize(*picture, 48, 48, filter), resize(*picture, 48, 48, filter, true, pillow_13));
      bool may = turns_the_order(*picture, 48, 48);
      CHECK((found.values == 0 || may));
      CHECK(found.most <= 5);
      turned += found.values != 0, straight += !may;
    }
  }
  CHECK(turned > 0);
  CHECK(straight > 0);
}

TEST_CASE("Pillow 13 turns the order where the height shrinks by more than twice what the width does") {
  auto tall = made_picture(100, 300);
  CHECK(down_first(tall, 50, 199, pillow_13));
  CHECK_FALSE(down_first(tall, 50, 200, pillow_13)); // exactly twice
  CHECK(down_first(tall, 150, 299, pillow_13));
  CHECK_FALSE(down_first(tall, 150, 300, pillow_13));
  CHECK_FALSE(down_first(tall, 150, 301, pillow_13));
  CHECK_FALSE(down_first(tall, 100, 20, pillow_13)); // one pass only
  CHECK_FALSE(down_first(tall, 50, 100, pillow));
  CHECK_FALSE(down_first(tall, 50, 100, torchvision));
}

TEST_CASE("a smaller picture is padded from the floor of half the rest by torchvision") {
  preparation x;
  x.resize = resize_rule::none;
  x.crop_width = x.crop_height = 8;
  auto first_row_and_column = [&](arithmetic whose) {
    x.arithmetic = whose;
    auto out = fit(pixels{5, 3, bytes(5 * 3 * 3, 200)}, x);
    REQUIRE(out);
    auto first = static_cast<std::size_t>(std::ranges::find(out->rgb, 200) - out->rgb.begin()) / 3;
    return std::array{first / 8, first % 8};
  };
  CHECK(first_row_and_column(pillow) == std::array<std::size_t, 2>{3, 2});
  CHECK(first_row_and_column(pillow_13) == std::array<std::size_t, 2>{3, 2});
  CHECK(first_row_and_column(torchvision) == std::array<std::size_t, 2>{2, 1});
}

TEST_CASE("preparing uses the arithmetic that it is told") {
  auto picture = made_picture(61, 400);
  preparation x;
  x.resize = resize_rule::shortest_edge;
  x.width = x.height = 40;
  x.crop_width = x.crop_height = 32;
  for (auto whose : {pillow, pillow_13, torchvision}) {
    x.arithmetic = whose;
    auto whole = resize(picture, 40, 262, x.filter, true, whose);
    CHECK(*fit(picture, x) == cut(whole, {4, 32}, {115, 32}));
  }
}

TEST_CASE("what Pillow 13 makes between its passes is not too large where Pillow 12's would be") {
  // 12: 16384 x 60000 in between.
  pixels thin{1, 60000, bytes(60000 * 3, 200)};
  preparation x;
  x.width = 16384;
  x.height = 2;
  CHECK_FALSE(fit(thin, x));
  x.arithmetic = pillow_13;
  auto out = fit(thin, x);
  REQUIRE(out);
  CHECK(out->rgb == bytes(std::size_t{16384} * 2 * 3, 200));
}
