// Reading and decoding, on pictures made here.
#include "image_support.hpp"

#include <sys/stat.h>

#include <chrono>

using namespace vef;
using namespace vef::test;

TEST_CASE("a lossless file gives back the pixels that were written") {
  auto picture = made_picture(53, 37);
  for (auto extension : {".png", ".bmp", ".tiff"}) {
    INFO(extension);
    auto decoded = decode_bytes(encode(picture, extension));
    REQUIRE(decoded);
    CHECK(*decoded == picture);
  }
  auto webp = decode_bytes(encode(picture, ".webp", {cv::IMWRITE_WEBP_QUALITY, 101}));
  REQUIRE(webp);
  CHECK(*webp == picture);
}

TEST_CASE("sixteen bits lose their low byte and alpha is dropped") {
  cv::Mat wide(2, 2, CV_16UC3, cv::Scalar(0x1234, 0x80ff, 0xfe01));
  cv::Mat clear(2, 2, CV_8UC4, cv::Scalar(10, 20, 30, 0));
  bytes content;
  for (auto extension : {".png", ".tiff"}) {
    INFO(extension);
    REQUIRE(cv::imencode(extension, wide, content));
    auto narrow = decode_bytes(content);
    REQUIRE(narrow);
    CHECK(std::vector(narrow->rgb.begin(), narrow->rgb.begin() + 3) == bytes{0xfe, 0x80, 0x12});
    REQUIRE(cv::imencode(extension, clear, content));
    auto opaque = decode_bytes(content);
    REQUIRE(opaque);
    CHECK(std::vector(opaque->rgb.begin(), opaque->rgb.begin() + 3) == bytes{30, 20, 10});
  }
}

TEST_CASE("grey pictures become three equal channels") {
  cv::Mat grey(3, 5, CV_8UC1, cv::Scalar(77));
  for (auto extension : {".png", ".bmp", ".tiff", ".jpg"}) {
    bytes content;
    REQUIRE(cv::imencode(extension, grey, content));
    auto decoded = decode_bytes(content);
    INFO(extension);
    REQUIRE(decoded);
    CHECK(decoded->rgb == bytes(45, 77));
  }
}

TEST_CASE("the name of a file does not decide what it is") {
  scratch_folder folder;
  auto picture = made_picture(9, 7);
  auto file = folder.path / "it is a\nPNG.jpg";
  write_bytes(file, encode(picture, ".png"));
  auto decoded = decode(image{file.string()});
  REQUIRE(decoded);
  CHECK(*decoded == picture);
}

TEST_CASE("what is no picture is refused by its kind") {
  auto refused = [](std::string text) { return code_of(decode_bytes({text.begin(), text.end()})); };
  CHECK(refused("") == errc::empty_image);
  CHECK(refused("Dear sir, enclosed you find a picture.") == errc::not_a_picture);
  CHECK(refused("<svg xmlns='http://www.w3.org/2000/svg'/>") == errc::not_a_picture);
  CHECK(refused("BM: minutes of the board meeting") == errc::not_a_picture);
  CHECK(refused("P") == errc::not_a_picture);
  CHECK(refused("P6 2 2 255 ............") == errc::unsupported_image);
  CHECK(refused(std::string("\0\0\0\x18"
                            "ftypheic",
                            12))
        == errc::unsupported_image);
  CHECK(refused(std::string("\0\0\0\x18"
                            "ftypavif",
                            12))
        == errc::unsupported_image);
  CHECK(refused(std::string("\0\0\0\x0cjP  \r\n\x87\n", 12)) == errc::unsupported_image);
  CHECK(refused("\x76\x2f\x31\x01.....") == errc::unsupported_image);
  CHECK(refused("\xff\xd8\xff") == errc::truncated_image);
}

TEST_CASE("what is no file is refused without being read") {
  scratch_folder folder;
  auto fifo = (folder.path / "fifo").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  auto begin = std::chrono::steady_clock::now();
  CHECK(code_of(decode(image{fifo})) == errc::not_a_file);
  CHECK(code_of(decode(image{"/dev/zero"})) == errc::not_a_file);
  CHECK(code_of(decode(image{folder.path.string()})) == errc::not_a_file);
  CHECK(code_of(decode(image{(folder.path / "missing.jpg").string()})) == errc::file_not_found);
  CHECK(code_of(decode(image{(folder.path / "missing" / "a.jpg").string()})) == errc::file_not_found);
  CHECK(code_of(decode(image{""})) == errc::file_not_found);
  CHECK(code_of(decode(image{std::string("/dev/null\0.jpg", 14)})) == errc::file_not_found);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{5});

  write_bytes(folder.path / "empty.jpg", {});
  CHECK(code_of(decode(image{(folder.path / "empty.jpg").string()})) == errc::empty_image);
}

TEST_CASE("a file without read permission is refused as unreadable") {
  if (::geteuid() == 0) {
    report_skipped("the superuser may read everything");
    return;
  }
  scratch_folder folder;
  auto file = folder.path / "secret.png";
  write_bytes(file, encode(made_picture(4, 4), ".png"));
  std::filesystem::permissions(file, std::filesystem::perms::none);
  CHECK(code_of(decode(image{file.string()})) == errc::file_unreadable);
}

TEST_CASE("an error names the picture on one line") {
  auto missing = decode(image{"no\nsuch.jpg"});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().what == "cannot read 'no\\nsuch.jpg': there is no such file");
  auto text = decode(image::encoded(shared_bytes{bytes{'h', 'i'}}, "a.png"));
  REQUIRE_FALSE(text);
  CHECK(text.error().what == "cannot decode 'a.png': its content is of no known picture format");
}

TEST_CASE("limits hold before anything is decoded") {
  auto picture = made_picture(40, 30);
  scratch_folder folder;
  for (auto extension : {".png", ".jpg", ".bmp", ".webp", ".tiff"}) {
    auto content = encode(picture, extension);
    INFO(extension);
    CHECK(code_of(decode_bytes(content, {.max_pixels = 1199})) == errc::image_too_large);
    CHECK(code_of(decode_bytes(content, {.max_pixels = 1200})) == errc::ok);
    CHECK(code_of(decode_bytes(content, {.max_bytes = content.size() - 1})) == errc::image_too_large);
    CHECK(code_of(decode_bytes(content, {.max_bytes = content.size()})) == errc::ok);
    auto file = (folder.path / "picture").string();
    write_bytes(file, content);
    CHECK(code_of(decode(image{file}, {.max_bytes = content.size() - 1})) == errc::image_too_large);
    // Its pixels are missing, but that is not what it is refused for.
    content.resize(content.size() / 2);
    auto early = code_of(decode_bytes(content, {.max_pixels = 1199}));
    CHECK((early == errc::image_too_large
           || (early == errc::truncated_image && extension != std::string{".png"})));
  }
}

TEST_CASE("raw pixels are taken as they are if their number is right") {
  auto picture = made_picture(6, 5);
  auto given = [&](std::uint32_t width, std::uint32_t height, bytes content, decode_limits limits = {}) {
    return decode(image::rgb(shared_bytes{std::move(content)}, width, height, "raw"), limits);
  };
  CHECK(*given(6, 5, picture.rgb) == picture);
  CHECK(code_of(given(5, 6, picture.rgb)) == errc::ok);
  CHECK(code_of(given(6, 6, picture.rgb)) == errc::corrupt_image);
  CHECK(code_of(given(0, 0, picture.rgb)) == errc::corrupt_image);
  CHECK(code_of(given(0, 0, {})) == errc::empty_image);
  CHECK(code_of(given(6, 5, picture.rgb, {.max_pixels = 29})) == errc::image_too_large);
  CHECK(code_of(given(0xffffffff, 0xffffffff, picture.rgb)) == errc::image_too_large);
}

TEST_CASE("a GIF made by hand shows its first frame") {
  // 3 x 2 on a canvas of 4 x 3 at (1, 1): colours 1 2 1 / 2 1 2; the canvas has colour 0.
  bytes gif{'G', 'I', 'F', '8', '9', 'a', 4,  0,   3, 0, 0x81, 0, 0, 10, 11, 12, 20, 21,
            22,  30,  31,  32,  40,  41,  42, ',', 1, 0, 1,    0, 3, 0,  2,  0,  0,  2};
  // Codes of three bits, a clear before each pair keeps them so: clear 1 2 clear 1 2 clear 1 2 end.
  std::uint64_t packed = 0;
  int at = 0;
  for (std::uint64_t code : {4, 1, 2, 4, 1, 2, 4, 1, 2, 5}) packed |= code << (3 * at++);
  gif.push_back(4);
  for (int i = 0; i < 4; ++i) gif.push_back(static_cast<std::uint8_t>(packed >> (8 * i)));
  gif.push_back(0);
  gif.push_back(';');
  auto decoded = decode_bytes(gif);
  REQUIRE(decoded);
  REQUIRE(decoded->width == 4);
  REQUIRE(decoded->height == 3);
  std::string reds;
  for (std::size_t i = 0; i < 12; ++i) reds += static_cast<char>('0' + decoded->rgb[i * 3] / 10);
  CHECK(reds
        == "1111"
           "1232"
           "1323");
}
