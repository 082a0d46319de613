#pragma once

#include <vef/messages/bytes.hpp>
#include <vef/messages/errors.hpp>

#include <cstdint>
#include <string>

namespace vef {

enum class image_kind : std::uint8_t {
  file,    ///< `name` is a path that the node which prepares it can read
  encoded, ///< `bytes` is the content of a picture file
  rgb,     ///< `bytes` is width x height x 3 bytes: R, G, B of each pixel, row by row, upright
};

/// One picture to embed. Bytes are shared, not copied, inside a process.
struct image {
  image_kind kind = image_kind::file;
  std::string name; ///< the path, or what to call the picture in messages
  shared_bytes bytes;
  std::uint32_t width = 0; ///< of `rgb` alone
  std::uint32_t height = 0;

  image() = default;
  image(std::string path)
      : name(std::move(path)) {} // NOLINT: a path is a picture
  image(const char* path)
      : name(path) {} // NOLINT

  static image encoded(shared_bytes content, std::string name) {
    image x{std::move(name)};
    x.kind = image_kind::encoded;
    x.bytes = std::move(content);
    return x;
  }

  static image rgb(shared_bytes pixels, std::uint32_t width, std::uint32_t height, std::string name) {
    auto x = encoded(std::move(pixels), std::move(name));
    x.kind = image_kind::rgb;
    x.width = width;
    x.height = height;
    return x;
  }

  bool operator==(const image&) const = default;

  static constexpr std::string_view type_name = "vef::image";
  static constexpr auto fields() {
    return std::tuple{field{"kind", &image::kind}, field{"name", &image::name}, field{"bytes", &image::bytes},
                      field{"width", &image::width}, field{"height", &image::height}};
  }
};

} // namespace vef
