#pragma once

#include <vef/backends/pixels.hpp>
#include <vef/messages/image.hpp>

namespace vef {

/// What a picture may cost. Checked against its header before anything is decoded.
struct decode_limits {
  std::uint64_t max_pixels =
      178'956'970; ///< width x height; what Pillow refuses is twice its warning at 89,478,485
  std::uint64_t max_bytes = 512ull << 20; ///< of the file

  static constexpr std::string_view type_name = "vef::decode_limits";
  static constexpr auto fields() {
    return std::tuple{field{"max_pixels", &decode_limits::max_pixels}, field{"max_bytes", &decode_limits::max_bytes}};
  }
};

/// What the header of a picture file says.
struct picture_header {
  std::string_view format; ///< "JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "HEIF", ...
  std::uint32_t width = 0; ///< as stored, before any turning
  std::uint32_t height = 0;
  std::uint8_t orientation = 1; ///< EXIF 0x0112, 1 to 8; 1 where there is none or it makes no sense
};

/// Reads the header alone. Errors: empty_image, not_a_picture, unsupported_image, truncated_image,
/// corrupt_image. `name` is for messages.
result<picture_header> read_header(std::span<const std::uint8_t> content, std::string_view name);

/// Reads, checks and decodes a picture, turns it upright and converts it to RGB as Pillow's convert("RGB")
/// does (alpha is dropped, 16-bit samples keep their high byte, CMYK is converted). The first frame of an
/// animation, the first page of a TIFF.
///
/// Errors: file_not_found, file_unreadable, not_a_file, empty_image, not_a_picture, unsupported_image,
/// corrupt_image, truncated_image, image_too_large. Never throws; blocks for the time of reading and
/// decoding. A FIFO or a device is never opened for reading.
result<pixels> decode(const image& source, const decode_limits& limits = {});

} // namespace vef
