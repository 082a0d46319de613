// The geometry of preparation and its arithmetic.
#include "image_support.hpp"

#include <algorithm>

using namespace vef;
using namespace vef::test;

namespace {

image raw(const pixels& picture) {
  return image::rgb(shared_bytes{picture.rgb}, picture.width, picture.height, "raw");
}

preparation untouched() {
  preparation x;
  x.resize = resize_rule::none;
  return x;
}

preparation cropped(std::uint32_t width, std::uint32_t height) {
  auto x = untouched();
  x.crop_width = width;
  x.crop_height = height;
  return x;
}

// A picture whose red is the column and green the row.
pixels coordinates(std::uint32_t width, std::uint32_t height) {
  pixels out{width, height, {}};
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x)
      for (auto value : {x, y, 255u}) out.rgb.push_back(static_cast<std::uint8_t>(value));
  return out;
}

bytes pixel(const pixels& picture, std::size_t x, std::size_t y) {
  auto at = picture.rgb.begin() + static_cast<std::ptrdiff_t>((y * picture.width + x) * 3);
  return {at, at + 3};
}

std::array<std::uint32_t, 2> size_after(std::uint32_t width, std::uint32_t height, preparation x) {
  auto out = prepare(raw(made_picture(width, height)), x);
  REQUIRE(out);
  REQUIRE(out->rgb.size() == std::size_t{out->width} * out->height * 3);
  return {out->width, out->height};
}

using sides = std::array<std::uint32_t, 2>;

} // namespace

TEST_CASE("the shortest edge becomes the size and the other keeps the aspect by integer division") {
  preparation x;
  x.resize = resize_rule::shortest_edge;
  x.width = x.height = 32;
  CHECK(size_after(61, 400, x) == sides{32, 209}); // 32 * 400 / 61 = 209.8
  CHECK(size_after(400, 61, x) == sides{209, 32});
  CHECK(size_after(50, 50, x) == sides{32, 32});
}

TEST_CASE("the longest edge fits inside and no side vanishes") {
  preparation x;
  x.resize = resize_rule::longest_edge;
  x.width = 40;
  x.height = 20;
  CHECK(size_after(100, 50, x) == sides{40, 20});
  CHECK(size_after(100, 100, x) == sides{20, 20});
  CHECK(size_after(300, 10, x) == sides{40, 1});
  CHECK(size_after(3000, 1, x) == sides{40, 1});
  CHECK(size_after(10, 3, x) == sides{40, 12});
}

TEST_CASE("a centre crop starts at the floor of half the rest") {
  auto out = prepare(raw(coordinates(11, 8)), cropped(4, 5));
  REQUIRE(out);
  CHECK(pixel(*out, 0, 0) == bytes{3, 1, 255});
  CHECK(pixel(*out, 3, 4) == bytes{6, 5, 255});
}

TEST_CASE("a smaller picture is padded and starts at the ceiling of half the rest") {
  auto x = cropped(8, 8);
  auto out = prepare(raw(coordinates(5, 8)), x);
  REQUIRE(out);
  CHECK(pixel(*out, 1, 0) == bytes{0, 0, 0});
  CHECK(pixel(*out, 2, 0) == bytes{0, 0, 255});
  CHECK(pixel(*out, 6, 7) == bytes{4, 7, 255});
  CHECK(pixel(*out, 7, 7) == bytes{0, 0, 0});

  x.pad_colour = {9, 8, 7};
  CHECK(pixel(*prepare(raw(coordinates(5, 8)), x), 0, 0) == bytes{0, 0, 0});
  x.pad = true;
  CHECK(pixel(*prepare(raw(coordinates(5, 8)), x), 0, 0) == bytes{9, 8, 7});
}

TEST_CASE("a crop that is wider and less high cuts and pads") {
  auto out = prepare(raw(coordinates(4, 9)), cropped(6, 3));
  REQUIRE(out);
  CHECK(pixel(*out, 0, 0) == bytes{0, 0, 0});
  CHECK(pixel(*out, 1, 0) == bytes{0, 3, 255});
  CHECK(pixel(*out, 4, 2) == bytes{3, 5, 255});
}

TEST_CASE("the mirror swaps left and right after everything else") {
  auto x = cropped(4, 3);
  auto straight = prepare(raw(coordinates(11, 8)), x);
  x.mirror = true;
  auto mirrored = prepare(raw(coordinates(11, 8)), x);
  REQUIRE(mirrored);
  for (std::size_t y = 0; y < 3; ++y)
    for (std::size_t i = 0; i < 4; ++i) CHECK(pixel(*mirrored, i, y) == pixel(*straight, 3 - i, y));
}

TEST_CASE("cropping while resizing is the same as cropping afterwards") {
  auto picture = made_picture(97, 181);
  preparation x;
  x.resize = resize_rule::shortest_edge;
  x.width = x.height = 40;
  x.crop_width = 30;
  x.crop_height = 50;
  for (bool antialias : {true, false}) {
    x.antialias = antialias;
    auto whole = resize(picture, 40, 40 * 181 / 97, x.filter, antialias);
    CHECK(*prepare(raw(picture), x) == *prepare(raw(whole), cropped(30, 50)));
  }
}

TEST_CASE("a thin picture costs no more than its crop") {
  preparation x;
  x.resize = resize_rule::shortest_edge;
  x.crop_width = x.crop_height = 224;
  CHECK(size_after(1, 60000, x) == sides{224, 224}); // 224 x 13,440,000 in between
  x.crop_width = x.crop_height = 0;
  auto whole = prepare(raw(made_picture(1, 60000)), x);
  REQUIRE_FALSE(whole);
  CHECK(whole.error().code == errc::image_too_large);
  x.resize = resize_rule::exact;
  x.width = 16384;
  CHECK(code_of(prepare(raw(made_picture(1, 60000)), x)) == errc::image_too_large);
}

TEST_CASE("a picture whose bytes do not match its size is refused") {
  CHECK(code_of(fit(pixels{4, 4, bytes(47)}, {})) == errc::corrupt_image);
  CHECK(code_of(fit(pixels{}, {})) == errc::corrupt_image);
}

TEST_CASE("normalising does the arithmetic of the reference in both layouts and orders") {
  const std::vector<pixels> images{made_picture(13, 9), coordinates(13, 9)};
  preparation x;
  x.mean = {0.48145466f, 0.4578275f, 0.40821073f};
  x.std = {0.26862954f, 0.26130258f, 0.27577711f};
  for (auto order : {channel_order::rgb, channel_order::bgr})
    for (auto layout : {tensor_layout::nchw, tensor_layout::nhwc}) {
      x.channels = order;
      std::vector<float> out(images.size() * 3 * 13 * 9);
      normalize_into(images, x, layout, out);
      std::size_t wrong = 0;
      for (std::size_t n = 0; n < images.size(); ++n)
        for (std::size_t c = 0; c < 3; ++c)
          for (std::size_t i = 0; i < 13 * 9; ++i) {
            auto sample = images[n].rgb[i * 3 + (order == channel_order::rgb ? c : 2 - c)];
            auto scaled = static_cast<float>(static_cast<double>(sample) * x.scale);
            auto expected = (scaled - x.mean[c]) / x.std[c];
            auto at = n * 3 * 13 * 9 + (layout == tensor_layout::nchw ? c * 13 * 9 + i : i * 3 + c);
            wrong += out[at] != expected;
          }
      CHECK(wrong == 0);
    }
}

TEST_CASE("pictures of different sizes or the wrong space are not normalised") {
  std::vector<float> out(2 * 12);
  const std::vector<pixels> mixed{made_picture(2, 2), made_picture(4, 1)};
  CHECK_THROWS_AS(normalize_into(mixed, {}, tensor_layout::nchw, out), std::invalid_argument);
  const std::vector<pixels> one{made_picture(2, 2)};
  CHECK_THROWS_AS(normalize_into(one, {}, tensor_layout::nchw, out), std::invalid_argument);
}
