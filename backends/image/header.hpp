#pragma once

#include <vef/backends/image/decode.hpp>
#include <vef/backends/image/reader.hpp>

namespace vef {

/// "cannot decode 'a.png': <why>"
[[nodiscard]] tl::unexpected<error> cannot_decode(errc code, std::string_view name, std::string_view why);

// The headers of single formats. Each expects the format's signature to be there.
result<picture_header> read_jpeg_header(byte_view content, std::string_view name);
result<picture_header> read_png_header(byte_view content, std::string_view name);
result<picture_header> read_webp_header(byte_view content, std::string_view name);
result<picture_header> read_tiff_header(byte_view content, std::string_view name);
result<picture_header> read_bmp_header(byte_view content, std::string_view name);
result<picture_header> read_gif_header(byte_view content, std::string_view name);

} // namespace vef
