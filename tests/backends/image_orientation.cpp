// Pictures that lie on their side, and what tells so.
#include "image_support.hpp"

using namespace vef;
using namespace vef::test;

namespace {

// Orientation as an EXIF block of one entry, in either byte order.
bytes exif_block(std::uint8_t orientation, bool big) {
  bytes out = big ? bytes{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0}
                  : bytes{'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0};
  out.resize(out.size() + 4);
  return out;
}

bytes app1(const bytes& payload, std::string_view prefix) {
  auto length = payload.size() + prefix.size() + 2;
  std::string out{"\xff\xe1"};
  out += static_cast<char>(length >> 8);
  out += static_cast<char>(length);
  out += prefix;
  out.append(payload.begin(), payload.end());
  return {out.begin(), out.end()};
}

bytes with_segments(bytes jpeg, const bytes& segments) {
  jpeg.insert(jpeg.begin() + 2, segments.begin(), segments.end());
  return jpeg;
}

constexpr std::string_view exif_prefix{"Exif\0\0", 6};

bytes with_exif(const bytes& jpeg, std::uint8_t orientation, bool big = false) {
  return with_segments(jpeg, app1(exif_block(orientation, big), exif_prefix));
}

// Pixel (x, y) of the upright picture, by the definition of the eight orientations.
std::array<std::uint32_t, 2> stored_place(std::uint8_t orientation, const pixels& stored, std::uint32_t x,
                                          std::uint32_t y) {
  auto right = stored.width - 1, bottom = stored.height - 1;
  switch (orientation) {
  case 2: return {right - x, y};
  case 3: return {right - x, bottom - y};
  case 4: return {x, bottom - y};
  case 5: return {y, x};
  case 6: return {y, bottom - x};
  case 7: return {right - y, bottom - x};
  case 8: return {right - y, x};
  default: return {x, y};
  }
}

void check_turned(const pixels& stored, const pixels& upright, std::uint8_t orientation) {
  bool swapped = orientation >= 5;
  REQUIRE(upright.width == (swapped ? stored.height : stored.width));
  REQUIRE(upright.height == (swapped ? stored.width : stored.height));
  for (std::uint32_t y = 0; y < upright.height; ++y)
    for (std::uint32_t x = 0; x < upright.width; ++x) {
      auto [sx, sy] = stored_place(orientation, stored, x, y);
      for (std::size_t c = 0; c < 3; ++c)
        REQUIRE(upright.rgb[(std::size_t{y} * upright.width + x) * 3 + c]
                == stored.rgb[(std::size_t{sy} * stored.width + sx) * 3 + c]);
    }
}

// A chunk of PNG; libpng does not look at the checksum of what it skips.
bytes png_with_exif(bytes png, std::uint8_t orientation) {
  auto block = exif_block(orientation, true);
  bytes chunk{0, 0, 0, static_cast<std::uint8_t>(block.size()), 'e', 'X', 'I', 'f'};
  chunk.insert(chunk.end(), block.begin(), block.end());
  chunk.resize(chunk.size() + 4);
  png.insert(png.begin() + 33, chunk.begin(), chunk.end());
  return png;
}

} // namespace

TEST_CASE("all eight EXIF orientations of a JPEG are turned upright") {
  auto jpeg = encode(made_picture(45, 70), ".jpg");
  auto stored = decode_bytes(jpeg);
  REQUIRE(stored);
  for (std::uint8_t orientation = 1; orientation <= 8; ++orientation)
    for (bool big : {false, true}) {
      INFO(int{orientation});
      auto upright = decode_bytes(with_exif(jpeg, orientation, big));
      REQUIRE(upright);
      check_turned(*stored, *upright, orientation);
    }
}

TEST_CASE("an EXIF orientation that makes no sense leaves the picture as it is") {
  auto jpeg = encode(made_picture(20, 30), ".jpg");
  auto stored = decode_bytes(jpeg);
  REQUIRE(stored);
  for (auto orientation : bytes{0, 9, 255}) CHECK(*decode_bytes(with_exif(jpeg, orientation)) == *stored);
  CHECK(*decode_bytes(with_segments(jpeg, app1({'I', 'I', 42}, exif_prefix))) == *stored);
  CHECK(*decode_bytes(with_segments(jpeg, app1({'I', 'I', 42, 0, 255, 255, 255, 255}, exif_prefix)))
        == *stored);
}

TEST_CASE("a broken EXIF block does not hide the good one behind it") {
  auto jpeg = encode(made_picture(20, 30), ".jpg");
  auto segments = app1({'x', 'y'}, exif_prefix);
  auto good = app1(exif_block(6, false), exif_prefix);
  segments.insert(segments.end(), good.begin(), good.end());
  auto upright = decode_bytes(with_segments(jpeg, segments));
  REQUIRE(upright);
  CHECK(upright->width == 30);
}

TEST_CASE("orientation is found in XMP where EXIF is silent") {
  constexpr std::string_view xmp_prefix{"http://ns.adobe.com/xap/1.0/\0", 29};
  auto jpeg = encode(made_picture(20, 30), ".jpg");
  for (std::string packet : {R"(<x tiff:Orientation="8"/>)", "<tiff:Orientation>8</tiff:Orientation>"}) {
    auto upright = decode_bytes(with_segments(jpeg, app1({packet.begin(), packet.end()}, xmp_prefix)));
    REQUIRE(upright);
    check_turned(*decode_bytes(jpeg), *upright, 8);
  }
}

TEST_CASE("orientation is found in PNG and TIFF too") {
  auto picture = made_picture(21, 33);
  auto png = encode(picture, ".png"), tiff = encode(picture, ".tiff");
  for (std::uint8_t orientation = 1; orientation <= 8; ++orientation) {
    INFO(int{orientation});
    auto from_png = decode_bytes(png_with_exif(png, orientation));
    REQUIRE(from_png);
    check_turned(picture, *from_png, orientation);

    // OpenCV writes no orientation: the tag takes the place of ResolutionUnit, 296, which is a SHORT as well.
    // The entries need not be in order for this reader.
    auto changed = tiff;
    auto little = tiff[0] == 'I';
    for (std::size_t i = 8; i + 12 <= changed.size(); ++i)
      if (changed[i] == (little ? 0x1c : 0x01) && changed[i + 1] == (little ? 0x01 : 0x1c)
          && changed[i + (little ? 2 : 3)] == 3 && changed[i + (little ? 4 : 7)] == 1) {
        changed[i + (little ? 0 : 1)] = 0x12; // 284, planar configuration, which is 1 by default
        changed[i + (little ? 8 : 9)] = orientation;
        break;
      }
    REQUIRE(changed != tiff);
    auto from_tiff = decode_bytes(changed);
    REQUIRE(from_tiff);
    check_turned(picture, *from_tiff, orientation);
  }
}
