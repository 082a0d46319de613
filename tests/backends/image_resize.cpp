// Resizing against Pillow, on pictures made here.
#include "image_support.hpp"

#include <vef/backends/image/resample.hpp>

#include <cmath>

using namespace vef;
using namespace vef::test;

namespace {

struct pillow_case {
  interpolation filter;
  std::uint32_t width, height, to_width, to_height;
  std::string_view
      digest; // the first 16 digits of SHA-256 of what Pillow 12.1.1 makes of `made_picture(width, height)`
};

constexpr pillow_case pillow_cases[] = {
    {interpolation::nearest, 261, 143, 64, 64, "8dee532ca89c0339"},
    {interpolation::nearest, 61, 43, 224, 160, "f4860961a1cc9585"},
    {interpolation::nearest, 61, 43, 61, 20, "3bf81d5a592a8d30"},
    {interpolation::nearest, 61, 43, 20, 43, "6fa348ca5d466b64"},
    {interpolation::nearest, 500, 7, 3, 90, "1de40c0c0721556a"},
    {interpolation::nearest, 1, 1, 5, 4, "0fae79691f3ecf65"},
    {interpolation::lanczos, 261, 143, 64, 64, "beb19c76c27a7ca7"},
    {interpolation::lanczos, 61, 43, 224, 160, "688ad8338c5176d6"},
    {interpolation::lanczos, 61, 43, 61, 20, "bad5754017b6a0bc"},
    {interpolation::lanczos, 61, 43, 20, 43, "7c359e0e64316ec7"},
    {interpolation::lanczos, 500, 7, 3, 90, "3c67b852bb822557"},
    {interpolation::lanczos, 1, 1, 5, 4, "0fae79691f3ecf65"},
    {interpolation::bilinear, 261, 143, 64, 64, "2394c0671c6726a4"},
    {interpolation::bilinear, 61, 43, 224, 160, "f5cf6bb90d3c7c71"},
    {interpolation::bilinear, 61, 43, 61, 20, "fdbf6e4dc3151d74"},
    {interpolation::bilinear, 61, 43, 20, 43, "f4b52d73b37afe8b"},
    {interpolation::bilinear, 500, 7, 3, 90, "6c905ac25555e102"},
    {interpolation::bilinear, 1, 1, 5, 4, "0fae79691f3ecf65"},
    {interpolation::bicubic, 261, 143, 64, 64, "0d4098691e84ccdd"},
    {interpolation::bicubic, 61, 43, 224, 160, "2e271545eb861f35"},
    {interpolation::bicubic, 61, 43, 61, 20, "0ea45bd4b7910417"},
    {interpolation::bicubic, 61, 43, 20, 43, "59bde6a03a6c3a3f"},
    {interpolation::bicubic, 500, 7, 3, 90, "b996b24fd90460b1"},
    {interpolation::bicubic, 1, 1, 5, 4, "0fae79691f3ecf65"},
    {interpolation::box, 261, 143, 64, 64, "a994c5bfac8b46bc"},
    {interpolation::box, 61, 43, 224, 160, "f4860961a1cc9585"},
    {interpolation::box, 61, 43, 61, 20, "882ca35d7f958eba"},
    {interpolation::box, 61, 43, 20, 43, "2c70bec6dbbd05fd"},
    {interpolation::box, 500, 7, 3, 90, "dba2405d13615955"},
    {interpolation::box, 1, 1, 5, 4, "0fae79691f3ecf65"},
    {interpolation::hamming, 261, 143, 64, 64, "563b5b970b08fbd3"},
    {interpolation::hamming, 61, 43, 224, 160, "76072286a412f960"},
    {interpolation::hamming, 61, 43, 61, 20, "f2b7480605f01164"},
    {interpolation::hamming, 61, 43, 20, 43, "6db449d309089fd6"},
    {interpolation::hamming, 500, 7, 3, 90, "2fe5aad6d481b6cc"},
    {interpolation::hamming, 1, 1, 5, 4, "0fae79691f3ecf65"},
};

pixels cut(const pixels& picture, stretch columns, stretch rows) {
  pixels out{columns.size, rows.size, {}};
  for (std::size_t y = rows.start; y < rows.start + rows.size; ++y)
    for (std::size_t i = columns.start * std::size_t{3}; i < (columns.start + columns.size) * std::size_t{3};
         ++i)
      out.rgb.push_back(picture.rgb[y * picture.width * 3 + i]);
  return out;
}

constexpr std::array filters{interpolation::nearest, interpolation::lanczos, interpolation::bilinear,
                             interpolation::bicubic, interpolation::box,     interpolation::hamming};

} // namespace

TEST_CASE("all six filters give what Pillow gives to the bit") {
  for (const auto& x : pillow_cases) {
    INFO(to_string(x.filter) << " " << x.width << "x" << x.height << " -> " << x.to_width << "x"
                             << x.to_height);
    auto resized = resize(made_picture(x.width, x.height), x.to_width, x.to_height, x.filter);
    CHECK(resized.width == x.to_width);
    CHECK(resized.height == x.to_height);
    CHECK(sha256(resized.rgb).substr(0, 16) == x.digest);
  }
}

TEST_CASE("a part of a resized picture is the same as the whole one cut") {
  auto picture = made_picture(131, 77);
  struct size {
    std::uint32_t width, height;
  };
  for (auto filter : filters)
    for (auto to : {size{64, 40}, size{200, 150}, size{131, 50}, size{60, 77}, size{131, 77}}) {
      INFO(to_string(filter) << " -> " << to.width << "x" << to.height);
      auto whole = resize(picture, to.width, to.height, filter);
      stretch columns{7, to.width - 20}, rows{11, to.height - 30};
      CHECK(resize_part(picture, to.width, to.height, filter, columns, rows) == cut(whole, columns, rows));
    }
}

TEST_CASE("a plain picture stays plain under every filter") {
  pixels plain{50, 30, bytes(50 * 30 * 3, 200)};
  for (auto filter : filters)
    for (bool antialias : {true, false}) {
      CHECK(resize(plain, 17, 41, filter, antialias).rgb == bytes(17 * 41 * 3, 200));
      CHECK(resize(plain, 170, 11, filter, antialias).rgb == bytes(170 * 11 * 3, 200));
    }
}

TEST_CASE("only antialiasing sees what lies between the samples") {
  // Columns of black and white, one pixel wide: the mean is grey, a sample is not.
  pixels stripes{512, 4, {}};
  for (std::size_t i = 0; i < 512 * 4 * 3; ++i) stripes.rgb.push_back(i / 3 % 2 == 0 ? 0 : 255);
  auto smooth = resize(stripes, 64, 4, interpolation::bilinear, true);
  auto rough = resize(stripes, 64, 4, interpolation::nearest, false);
  for (auto value : smooth.rgb) REQUIRE(std::abs(value - 127) <= 8);
  for (auto value : rough.rgb) REQUIRE((value == 0 || value == 255));
}
