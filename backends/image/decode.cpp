#include <vef/backends/guard.hpp>
#include <vef/backends/image/codecs.hpp>
#include <vef/backends/image/file.hpp>
#include <vef/backends/image/turn.hpp>

#include <algorithm>
#include <array>

namespace vef {

namespace {

struct codec {
  std::string_view format;
  result<pixels> (*decode)(byte_view, const picture_header&, std::string_view);
};

constexpr std::array codecs{codec{"JPEG", decode_jpeg}, codec{"PNG", decode_png}, codec{"WebP", decode_webp},
                            codec{"TIFF", decode_tiff}, codec{"BMP", decode_bmp}, codec{"GIF", decode_gif}};

// No camera or scanner makes a longer side. Resampling keeps some numbers per pixel of a side, and OpenCV
// refuses more too.
constexpr std::uint32_t max_side = 1 << 20;

result<void> check_size(std::uint32_t width, std::uint32_t height, const decode_limits& limits,
                        std::string_view name) {
  if (std::uint64_t{width} * height <= limits.max_pixels && std::max(width, height) <= max_side) return {};
  return cannot_decode(errc::image_too_large, name,
                       std::to_string(width) + " x " + std::to_string(height) + " are over the limit of "
                           + std::to_string(limits.max_pixels) + " pixels, or of " + std::to_string(max_side)
                           + " a side");
}

result<void> check_bytes(std::size_t size, const decode_limits& limits, std::string_view name) {
  if (size <= limits.max_bytes) return {};
  return cannot_decode(errc::image_too_large, name,
                       "it has " + format_bytes(size) + ", the limit is " + format_bytes(limits.max_bytes));
}

result<pixels> decode_content(byte_view content, const decode_limits& limits, std::string_view name) {
  if (auto ok = check_bytes(content.size(), limits, name); !ok) return fail(ok.error());
  auto header = read_header(content, name);
  if (!header) return fail(header.error());
  if (auto ok = check_size(header->width, header->height, limits, name); !ok) return fail(ok.error());
  auto found = std::ranges::find(codecs, header->format, &codec::format);
  auto decoded = found->decode(content, *header, name);
  if (!decoded) return decoded;
  return turned(std::move(*decoded), header->orientation);
}

result<pixels> take_rgb(const image& source, const decode_limits& limits) {
  auto bytes = source.bytes.view();
  if (bytes.empty()) return cannot_decode(errc::empty_image, source.name, "it has no bytes");
  if (auto ok = check_size(source.width, source.height, limits, source.name); !ok) return fail(ok.error());
  auto needed = std::uint64_t{source.width} * source.height;
  if (needed == 0 || bytes.size() % 3 != 0 || bytes.size() / 3 != needed)
    return cannot_decode(errc::corrupt_image, source.name,
                         std::to_string(bytes.size()) + " bytes are not the R, G and B of "
                             + std::to_string(source.width) + " x " + std::to_string(source.height)
                             + " pixels");
  return pixels{source.width, source.height, {bytes.begin(), bytes.end()}};
}

} // namespace

result<pixels> decode(const image& source, const decode_limits& limits) {
  return guarded(errc::corrupt_image, "cannot decode " + vef::quoted(source.name), [&]() -> result<pixels> {
    switch (source.kind) {
    case image_kind::rgb: return take_rgb(source, limits);
    case image_kind::encoded: return decode_content(source.bytes.view(), limits, source.name);
    case image_kind::file: break;
    }
    auto content = read_picture_file(source.name, limits.max_bytes);
    if (!content) return fail(content.error());
    return decode_content(*content, limits, source.name);
  });
}

} // namespace vef
