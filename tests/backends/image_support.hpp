#pragma once

#include "support/catch.hpp"
#include "support/skip.hpp"

#include <vef/backends/image/prepare.hpp>

#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <openssl/evp.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace vef::test {

using bytes = std::vector<std::uint8_t>;

inline bytes read_bytes(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write_bytes(const std::filesystem::path& file, const bytes& content) {
  std::ofstream out{file, std::ios::binary};
  out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
}

inline nlohmann::json read_json(const std::filesystem::path& file) {
  std::ifstream in{file};
  return nlohmann::json::parse(in);
}

inline std::string sha256(std::span<const std::uint8_t> content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(content.data(), content.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned>(digest[i]));
    out += hex;
  }
  return out;
}

/// A folder that is gone with the test.
struct scratch_folder {
  std::filesystem::path path;
  scratch_folder() {
    auto name = (std::filesystem::temp_directory_path() / "vef-image-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() { std::filesystem::remove_all(path); }
};

/// A picture of soft waves and some grain, no two pixels of which are told apart by symmetry.
inline pixels made_picture(std::uint32_t width, std::uint32_t height) {
  pixels out{width, height, {}};
  std::uint32_t state = 1;
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x) {
      state = state * 1664525 + 1013904223;
      auto grain = static_cast<int>(state >> 28);
      for (auto value : {x * 200 / width, y * 200 / height, (x + 2 * y) * 200 / (width + 2 * height)})
        out.rgb.push_back(static_cast<std::uint8_t>(static_cast<int>(value) + grain));
    }
  return out;
}

inline cv::Mat to_bgr(const pixels& picture) {
  cv::Mat out(static_cast<int>(picture.height), static_cast<int>(picture.width), CV_8UC3);
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) out.data[i - i % 3 + (2 - i % 3)] = picture.rgb[i];
  return out;
}

inline bytes encode(const pixels& picture, const std::string& extension,
                    const std::vector<int>& options = {}) {
  bytes out;
  REQUIRE(cv::imencode(extension, to_bgr(picture), out, options));
  return out;
}

inline result<pixels> decode_bytes(bytes content, const decode_limits& limits = {}) {
  return decode(image::encoded(shared_bytes{std::move(content)}, "made"), limits);
}

inline errc code_of(const result<pixels>& x) { return x ? errc::ok : x.error().code; }

} // namespace vef::test
