// Files that were cut or changed: never a crash, always a picture or one of the errors that `decode`
// promises.
#include "image_support.hpp"

#include <opencv2/core/utils/logger.hpp>

#include <algorithm>
#include <random>

using namespace vef;
using namespace vef::test;

namespace {

bool promised(errc code) {
  constexpr std::array codes{errc::ok,
                             errc::not_a_picture,
                             errc::unsupported_image,
                             errc::corrupt_image,
                             errc::truncated_image,
                             errc::image_too_large};
  return std::ranges::find(codes, code) != codes.end();
}

bytes small_gif() {
  // 4 x 4, colours of two bits, one code of three bits after another with a clear before each pair.
  bytes out{'G', 'I', 'F', '8', '9',  'a', 4, 0, 4, 0, 0x81, 0,   0, 0, 0, 0, 255, 0, 0, 0, 255,  0,
            0,   0,   255, '!', 0xf9, 4,   1, 0, 0, 2, 0,    ',', 0, 0, 0, 0, 4,   0, 4, 0, 0x40, 2};
  bytes packed;
  unsigned held = 0, count = 0;
  auto put = [&](unsigned code) {
    held |= code << count;
    for (count += 3; count >= 8; count -= 8, held >>= 8) packed.push_back(static_cast<std::uint8_t>(held));
  };
  for (unsigned i = 0; i < 8; ++i) {
    put(4);
    put(i % 4);
    put(3 - i % 4);
  }
  put(5);
  packed.push_back(static_cast<std::uint8_t>(held));
  out.push_back(static_cast<std::uint8_t>(packed.size()));
  out.insert(out.end(), packed.begin(), packed.end());
  out.insert(out.end(), {0, ';'});
  return out;
}

bytes progressive(const pixels& picture) {
  return encode(picture, ".jpg", {cv::IMWRITE_JPEG_PROGRESSIVE, 1});
}

std::vector<bytes> small_files() {
  auto picture = made_picture(37, 29);
  std::vector<bytes> out;
  for (auto extension : {".jpg", ".png", ".bmp", ".webp", ".tiff"}) out.push_back(encode(picture, extension));
  out.push_back(progressive(picture));
  out.push_back(encode(picture, ".jpg", {cv::IMWRITE_JPEG_RST_INTERVAL, 1}));
  out.push_back(encode(picture, ".tiff", {259, 5})); // LZW
  out.push_back(small_gif());
  return out;
}

} // namespace

TEST_CASE("a truncated JPEG is refused as truncated") {
  auto picture = made_picture(160, 120);
  for (auto whole : {encode(picture, ".jpg"), progressive(picture),
                     encode(picture, ".jpg", {cv::IMWRITE_JPEG_RST_INTERVAL, 4})}) {
    REQUIRE(decode_bytes(whole));
    for (std::size_t part = 1; part < 16; ++part) {
      INFO(part << "/16");
      bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * part / 16));
      CHECK(code_of(decode_bytes(cut)) == errc::truncated_image);
    }
  }
}

TEST_CASE("a truncated PNG is refused as truncated") {
  auto whole = encode(made_picture(160, 120), ".png");
  for (std::size_t part = 1; part < 16; ++part) {
    INFO(part << "/16");
    bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * part / 16));
    CHECK(code_of(decode_bytes(cut)) == errc::truncated_image);
  }
}

TEST_CASE("no cut file of another format passes for a whole one") {
  auto picture = made_picture(160, 120);
  for (auto whole : {encode(picture, ".bmp"), encode(picture, ".webp"), encode(picture, ".tiff")})
    for (std::size_t part = 1; part < 16; ++part) {
      INFO(part << "/16 of " << whole.size());
      bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * part / 16));
      auto code = code_of(decode_bytes(cut));
      CHECK((code == errc::truncated_image || code == errc::corrupt_image));
    }
  auto gif = small_gif();
  REQUIRE(decode_bytes(gif));
  for (std::size_t size = 6; size + 4 < gif.size(); ++size)
    CHECK(code_of(decode_bytes({gif.begin(), gif.begin() + static_cast<std::ptrdiff_t>(size)}))
          == errc::truncated_image);
}

TEST_CASE("a JPEG that lacks nothing but its end marker is a picture") {
  auto whole = encode(made_picture(64, 48), ".jpg");
  auto cut = whole;
  cut.resize(cut.size() - 2);
  auto decoded = decode_bytes(cut);
  REQUIRE(decoded);
  CHECK(*decoded == *decode_bytes(whole));
  whole.insert(whole.end(), 1000, 0x55);
  CHECK(*decode_bytes(whole) == *decoded);
}

TEST_CASE("a short file that claims many pixels is refused before they are reserved") {
  auto jpeg = encode(made_picture(64, 48), ".jpg");
  const bytes marker{0xff, 0xc0};
  auto frame = std::search(jpeg.begin(), jpeg.end(), marker.begin(), marker.end());
  REQUIRE(frame != jpeg.end());
  std::ranges::copy(bytes{0x30, 0, 0x30, 0}, frame + 5); // 12288 x 12288
  CHECK(code_of(decode_bytes(jpeg)) == errc::truncated_image);

  auto bmp = encode(made_picture(64, 48), ".bmp");
  std::ranges::copy(bytes{0, 0x30, 0, 0, 0, 0x30, 0, 0}, bmp.begin() + 18);
  CHECK(code_of(decode_bytes(bmp)) == errc::truncated_image);
}

TEST_CASE("random changes of small files never crash and give the promised errors") {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  std::mt19937 random{20240607};
  const auto files = small_files();
  for (const auto& whole : files) REQUIRE(code_of(decode_bytes(whole)) == errc::ok);
  const decode_limits limits{.max_pixels = 1 << 20};
  std::size_t pictures = 0, errors = 0;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  for (int round = 0; round < 400 && std::chrono::steady_clock::now() < deadline; ++round)
    for (auto content : files) {
      auto reach = round % 2 == 0 ? content.size() : std::min<std::size_t>(content.size(), 200);
      for (auto changes = random() % 4 + 1; changes > 0; --changes)
        content[random() % reach] = static_cast<std::uint8_t>(random() % 5 == 0 ? 255 : random());
      if (random() % 8 == 0) content.resize(random() % content.size());
      auto decoded = decode_bytes(content, limits);
      INFO("round " << round << ": " << (decoded ? "" : decoded.error().what));
      if (content.empty())
        CHECK(code_of(decoded) == errc::empty_image);
      else if (!promised(code_of(decoded)))
        CHECK(promised(code_of(decoded)));
      if (decoded) REQUIRE(decoded->rgb.size() == std::size_t{decoded->width} * decoded->height * 3);
      ++(decoded ? pictures : errors);
    }
  // Both must happen, or the changes were too many or too few to tell anything.
  CHECK(pictures > 100);
  CHECK(errors > 100);
}
