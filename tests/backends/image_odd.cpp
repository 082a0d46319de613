// The collection of awkward files, against what is known of each.
#include "image_support.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>

using namespace vef;
using namespace vef::test;

namespace {

const auto folder = shared_dir() / "data/images/odd";

// The manifest's thumbnails are Pillow's, by its box filter.
int thumbnail_difference(const pixels& picture, const nlohmann::json& expected) {
  auto thumbnail = resize(picture, 8, 8, interpolation::box);
  int largest = 0;
  for (std::size_t i = 0; i < thumbnail.rgb.size(); ++i)
    largest = std::max(largest, std::abs(thumbnail.rgb[i] - expected.at(i).get<int>()));
  return largest;
}

std::string word_of(errc code) {
  auto word = std::string{to_string(code)};
  if (code == errc::image_too_large) return "too_large";
  if (auto tail = word.find("_image"); tail != word.npos) word.resize(tail);
  return word;
}

void check_entry(const nlohmann::json& entry) {
  auto decoded = decode(image{(folder / entry.at("file").get<std::string>()).string()});
  auto expect = entry.at("expect").get<std::string>();
  INFO(entry.at("file") << ": " << (decoded ? "a picture" : decoded.error().what));
  if (expect == "error") {
    CHECK_FALSE(decoded);
    // "corrupt or unsupported": either will do.
    if (!decoded)
      CHECK(entry.at("error").get<std::string>().find(word_of(decoded.error().code)) != std::string::npos);
    return;
  }
  if (expect == "picture") CHECK(decoded);
  if (!decoded || !entry.contains("size")) return;
  CHECK(decoded->width == entry["size"][0].get<std::uint32_t>());
  CHECK(decoded->height == entry["size"][1].get<std::uint32_t>());
  auto difference = thumbnail_difference(*decoded, entry.at("thumbnail_8x8_rgb"));
  if (expect == "picture")
    CHECK(difference <= 8);
  else if (difference > 8)
    WARN(entry.at("file") << ": an optional picture differs from Pillow's by " << difference);
}

// The most memory, in KiB, that a process of its own needs to decode the file.
long peak_of_decoding(const std::string& path) {
  auto child = ::fork();
  if (child == 0) {
    static_cast<void>(decode(image{path}));
    ::_exit(0);
  }
  int status = -1;
  rusage used{};
  REQUIRE(::wait4(child, &status, 0, &used) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  return used.ru_maxrss;
}

} // namespace

TEST_CASE("every awkward file is decoded or refused as it should be") {
  VEF_NEEDS(folder / "manifest.json");
  auto manifest = read_json(folder / "manifest.json");
  REQUIRE(manifest.size() > 100);
  for (const auto& entry : manifest) check_entry(entry);
}

TEST_CASE("no awkward file needs a gigabyte") {
  VEF_NEEDS(folder / "manifest.json");
  for (const auto& entry : read_json(folder / "manifest.json")) {
    INFO(entry.at("file"));
    CHECK(peak_of_decoding((folder / entry.at("file").get<std::string>()).string()) < 1024 * 1024);
  }
}
