// Which format a picture file has, told by its first bytes, and the formats whose headers are short. The
// decoders are never asked before this has found a size, so nothing here may trust a byte.
#include <vef/backends/image/exif.hpp>
#include <vef/backends/image/header.hpp>
#include <vef/backends/image/tiff.hpp>

#include <algorithm>
#include <array>

namespace vef {

namespace {

constexpr auto big = std::endian::big;
constexpr auto little = std::endian::little;

struct signature {
  std::string_view format;
  std::size_t at;
  std::string_view bytes;
  result<picture_header> (*header)(byte_view,
                                   std::string_view) = nullptr; // null: known, but not decoded here
};

// Bytes with zeros in them: the length comes from the array, not from the first zero.
template <std::size_t N> constexpr std::string_view raw(const char (&text)[N]) { return {text, N - 1}; }

constexpr std::array signatures{
    signature{"JPEG", 0, "\xff\xd8\xff", read_jpeg_header},
    signature{"PNG", 0, "\x89PNG\r\n\x1a\n", read_png_header},
    signature{"WebP", 8, "WEBP", read_webp_header},
    signature{"TIFF", 0, raw("II\x2a\0"), read_tiff_header},
    signature{"TIFF", 0, raw("MM\0\x2a"), read_tiff_header},
    signature{"TIFF", 0, raw("II\x2b\0"), read_tiff_header},
    signature{"TIFF", 0, raw("MM\0\x2b"), read_tiff_header},
    signature{"GIF", 0, "GIF87a", read_gif_header},
    signature{"GIF", 0, "GIF89a", read_gif_header},
    signature{"AVIF", 4, "ftypavif"},
    signature{"AVIF", 4, "ftypavis"},
    signature{"HEIF", 4, "ftyphei"},
    signature{"HEIF", 4, "ftyphev"},
    signature{"HEIF", 4, "ftypmif1"},
    signature{"HEIF", 4, "ftypmsf1"},
    signature{"Canon raw", 4, "ftypcrx "},
    signature{"JPEG 2000", 0, raw("\0\0\0\x0cjP  \r\n\x87\n")},
    signature{"JPEG 2000", 0, raw("\xff\x4f\xff\x51")},
    signature{"JPEG XL", 0, raw("\xff\x0a")},
    signature{"JPEG XL", 0, raw("\0\0\0\x0cJXL \r\n\x87\n")},
    signature{"JPEG XR", 0, "II\xbc"},
    signature{"OpenEXR", 0, "\x76\x2f\x31\x01"},
    signature{"Radiance HDR", 0, "#?RADIANCE"},
    signature{"Radiance HDR", 0, "#?RGBE"},
    signature{"PSD", 0, "8BPS"},
    signature{"DDS", 0, "DDS "},
    signature{"QOI", 0, "qoif"},
    signature{"ICO", 0, raw("\0\0\1\0")},
    signature{"CUR", 0, raw("\0\0\2\0")},
    signature{"Sun raster", 0, "\x59\xa6\x6a\x95"},
    signature{"SGI", 0, raw("\x01\xda\0\1")},
    signature{"SGI", 0, raw("\x01\xda\1\1")},
};

// "P1" to "P7", then white space: two letters alone would make a picture of every text that starts so.
bool is_portable_anymap(byte_view content) {
  constexpr std::string_view space = " \t\r\n#";
  auto head = as_text(slice(content, 0, 3));
  return head.size() == 3 && head[0] == 'P'
         && ((head[1] >= '1' && head[1] <= '7') || head[1] == 'f' || head[1] == 'F')
         && space.find(head[2]) != space.npos;
}

// "BM" starts many a text too; the size of the second header must be one that exists.
bool is_bmp(byte_view content) {
  auto size = number_at(content, 14, 4, little);
  return text_at(content, 0, "BM") && size && (*size == 12 || (*size >= 16 && *size <= 256));
}

result<picture_header> checked(result<picture_header> header, std::string_view name) {
  if (header && (header->width == 0 || header->height == 0))
    return cannot_decode(errc::corrupt_image, name, "its header says that it has no pixels");
  return header;
}

} // namespace

tl::unexpected<error> cannot_decode(errc code, std::string_view name, std::string_view why) {
  auto text = "cannot decode " + quoted(name) + ": ";
  text += why;
  return fail(code, std::move(text));
}

result<picture_header> read_header(std::span<const std::uint8_t> content, std::string_view name) {
  if (content.empty()) return cannot_decode(errc::empty_image, name, "it has no bytes");
  if (is_bmp(content)) return checked(read_bmp_header(content, name), name);
  for (const auto& [format, at, bytes, header] : signatures) {
    if (!text_at(content, at, bytes) || (format == "WebP" && !text_at(content, 0, "RIFF"))) continue;
    if (header) return checked(header(content, name), name);
    return cannot_decode(errc::unsupported_image, name, "it is a picture of format " + std::string{format});
  }
  if (is_portable_anymap(content))
    return cannot_decode(errc::unsupported_image, name, "it is a picture of format PNM");
  return cannot_decode(errc::not_a_picture, name, "its content is of no known picture format");
}

result<picture_header> read_png_header(byte_view content, std::string_view name) {
  auto width = number_at(content, 16, 4, big);
  auto height = number_at(content, 20, 4, big);
  if (!width || !height) return cannot_decode(errc::truncated_image, name, "its header ends early");
  if (!text_at(content, 12, "IHDR"))
    return cannot_decode(errc::corrupt_image, name, "it does not start with IHDR");
  picture_header out{"PNG", static_cast<std::uint32_t>(*width), static_cast<std::uint32_t>(*height)};
  if (*width > 0x7fffffff || *height > 0x7fffffff)
    return cannot_decode(errc::corrupt_image, name, "its size is out of range");

  // Orientation may come after the pixels, so all chunks are walked.
  std::uint8_t exif = 0, xmp = 0;
  std::uint64_t at = 8;
  while (auto length = number_at(content, at, 4, big)) {
    auto data = slice(content, at + 8, *length);
    if (text_at(content, at + 4, "eXIf") && exif == 0) exif = exif_orientation(data);
    if (text_at(content, at + 4, "iTXt") && text_at(data, 0, "XML:com.adobe.xmp"))
      xmp = xmp_orientation(data);
    if (text_at(content, at + 4, "IEND")) break;
    at += 12 + *length;
  }
  out.orientation = exif ? exif : xmp ? xmp : std::uint8_t{1};
  return out;
}

namespace {

struct webp_facts {
  std::optional<std::uint64_t> width, height;
  std::uint8_t exif = 0, xmp = 0;
  bool corrupt = false;
};

// The size comes from the first chunk that has one: the canvas, or else the only frame.
void look_at_webp_chunk(byte_view content, std::uint64_t at, byte_view data, webp_facts& out) {
  auto plus_one = [](std::optional<std::uint64_t> x) { return x ? std::optional{*x + 1} : x; };
  if (text_at(content, at, "EXIF") && out.exif == 0) out.exif = exif_orientation(data);
  if (text_at(content, at, "XMP ") && out.xmp == 0) out.xmp = xmp_orientation(data);
  if (out.width) return;
  if (text_at(content, at, "VP8X")) {
    out.width = plus_one(number_at(data, 4, 3, little));
    out.height = plus_one(number_at(data, 7, 3, little));
  } else if (text_at(content, at, "VP8L")) {
    auto bits = number_at(data, 1, 4, little);
    if (!bits) return;
    out.corrupt = data[0] != 0x2f;
    out.width = (*bits & 0x3fff) + 1;
    out.height = (*bits >> 14 & 0x3fff) + 1;
  } else if (text_at(content, at, "VP8 ")) {
    auto width = number_at(data, 6, 2, little), height = number_at(data, 8, 2, little);
    if (!width || !height) return;
    out.corrupt = !text_at(data, 3, "\x9d\x01\x2a");
    out.width = *width & 0x3fff;
    out.height = *height & 0x3fff;
  }
}

} // namespace

result<picture_header> read_webp_header(byte_view content, std::string_view name) {
  auto size = number_at(content, 4, 4, little);
  webp_facts facts;
  std::uint64_t at = 12;
  while (auto length = number_at(content, at + 4, 4, little)) {
    look_at_webp_chunk(content, at, slice(content, at + 8, *length), facts);
    at += 8 + *length + (*length & 1);
  }
  if (facts.corrupt) return cannot_decode(errc::corrupt_image, name, "its first frame has a bad signature");
  if (*size + 8 > content.size() + 1)
    return cannot_decode(errc::truncated_image, name, "it ends before the size that its header tells");
  if (!facts.width || !facts.height) return cannot_decode(errc::corrupt_image, name, "it has no frame");
  auto orientation = facts.exif ? facts.exif : facts.xmp ? facts.xmp : std::uint8_t{1};
  return picture_header{"WebP", static_cast<std::uint32_t>(*facts.width),
                        static_cast<std::uint32_t>(*facts.height), orientation};
}

result<picture_header> read_tiff_header(byte_view content, std::string_view name) {
  auto directory = tiff_directory::open(content);
  if (!directory) return cannot_decode(errc::truncated_image, name, "it ends before its directory");
  auto width = directory->number(tiff_tag::width);
  auto height = directory->number(tiff_tag::height);
  if (!width || !height) return cannot_decode(errc::corrupt_image, name, "its directory tells no size");
  if (*width > 0x7fffffff || *height > 0x7fffffff)
    return cannot_decode(errc::corrupt_image, name, "its size is out of range");
  picture_header out{"TIFF", static_cast<std::uint32_t>(*width), static_cast<std::uint32_t>(*height)};
  if (auto exif = exif_orientation(content))
    out.orientation = exif;
  else if (auto xmp = xmp_orientation(directory->content(tiff_tag::xmp)))
    out.orientation = xmp;
  return out;
}

} // namespace vef
