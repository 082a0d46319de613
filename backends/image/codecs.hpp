#pragma once

#include <vef/backends/image/header.hpp>

namespace vef {

// The decoders of single formats. Each is given what `read_header` found, with a size that the limits allow,
// and yields the picture as stored, before any turning: 8-bit RGB as Pillow's convert("RGB"). They may throw
// std::bad_alloc and what OpenCV throws.
result<pixels> decode_jpeg(byte_view content, const picture_header& header, std::string_view name);
result<pixels> decode_png(byte_view content, const picture_header& header, std::string_view name);
result<pixels> decode_webp(byte_view content, const picture_header& header, std::string_view name);
result<pixels> decode_tiff(byte_view content, const picture_header& header, std::string_view name);
result<pixels> decode_bmp(byte_view content, const picture_header& header, std::string_view name);
result<pixels> decode_gif(byte_view content, const picture_header& header, std::string_view name);

/// By OpenCV's codec, for the formats that need no better one. 16-bit samples keep their high byte.
/// `premultiplied` colours are divided by their alpha before it is dropped.
result<pixels> decode_with_opencv(byte_view content, const picture_header& header, std::string_view name,
                                  bool premultiplied = false);

/// A picture of the header's size; the pixels are zero.
pixels blank(const picture_header& header);

} // namespace vef
