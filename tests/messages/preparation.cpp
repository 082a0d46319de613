#include "support/catch.hpp"

#include <vef/messages/preparation.hpp>

#include <limits>

using namespace vef;

namespace {

preparation imagenet() {
  preparation x;
  x.resize = resize_rule::shortest_edge;
  x.width = x.height = 256;
  x.crop_width = x.crop_height = 224;
  x.mean = {0.5f, 0.25f, 0.f};
  x.std = {0.5f, 0.5f, 0.5f};
  return x;
}

} // namespace

TEST_CASE("every variant keeps the size that the model wants") {
  for (const auto& name : variant_names()) {
    auto x = with_variant(imagenet(), name);
    REQUIRE(x);
    CHECK(prepared_size(*x) == std::array<std::uint32_t, 2>{224, 224});
    CHECK(validate(*x));
  }
}

TEST_CASE("an empty variant is the default") { CHECK(*with_variant(imagenet(), "") == imagenet()); }

TEST_CASE("flip mirrors and changes nothing else") {
  auto x = *with_variant(imagenet(), "flip");
  CHECK(x.mirror);
  x.mirror = false;
  CHECK(x == imagenet());
}

TEST_CASE("center-crop covers the input of a model that is not square") {
  auto wide = imagenet();
  wide.crop_width = 128, wide.crop_height = 64;
  auto x = *with_variant(wide, "center-crop");
  CHECK(x.width == 128);
  CHECK(prepared_size(x) == std::array<std::uint32_t, 2>{128, 64});
}

TEST_CASE("pad fills with the colour that normalises to zero") {
  auto x = imagenet();
  CHECK(with_variant(x, "pad")->pad_colour == std::array<std::uint8_t, 3>{128, 64, 0});
  x.channels = channel_order::bgr;
  CHECK(with_variant(x, "pad")->pad_colour == std::array<std::uint8_t, 3>{0, 64, 128});
}

TEST_CASE("an unknown variant suggests the nearest") {
  auto x = with_variant(imagenet(), "sqash");
  REQUIRE_FALSE(x);
  CHECK(x.error().code == errc::unknown_variant);
  CHECK(x.error().what.find("'squash'") != std::string::npos);
}

TEST_CASE("a preparation that could prepare nothing is refused") {
  auto refused = [](auto change) {
    auto x = imagenet();
    change(x);
    auto good = validate(x);
    return !good && good.error().code == errc::invalid_config;
  };
  CHECK(refused([](auto& x) { x.width = 0; }));
  CHECK(refused([](auto& x) { x.crop_height = 0; }));
  CHECK(refused([](auto& x) { x.crop_width = 1u << 20; }));
  CHECK(refused([](auto& x) { x.std[1] = 0; }));
  CHECK(refused([](auto& x) { x.mean[2] = std::numeric_limits<float>::infinity(); }));
  CHECK(refused([](auto& x) { x.scale = 0; }));
}

TEST_CASE("the colour of what is padded is what becomes zero") {
  preparation x;
  x.mean = {0.5f, 0.25f, 0.f};
  CHECK(with_variant(x, "pad")->pad_colour == std::array<std::uint8_t, 3>{128, 64, 0});
  x.shift = 0.5f;
  CHECK(with_variant(x, "pad")->pad_colour == std::array<std::uint8_t, 3>{255, 191, 128});
}
