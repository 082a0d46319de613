#include <vef/backends/image/exif.hpp>
#include <vef/backends/image/header.hpp>

namespace vef {

namespace {

constexpr auto big = std::endian::big;

enum marker : std::uint8_t {
  dht = 0xc4,
  jpg = 0xc8,
  dac = 0xcc,
  rst0 = 0xd0,
  eoi = 0xd9,
  sos = 0xda,
  app1 = 0xe1,
  tem = 1
};

bool is_frame(std::uint8_t code) {
  return code >= 0xc0 && code <= 0xcf && code != dht && code != jpg && code != dac;
}

// RST0 to EOI and TEM stand alone; every other marker has a length.
bool has_segment(std::uint8_t code) { return code != tem && !(code >= rst0 && code <= eoi); }

// The next marker at or after `at`. What is no marker there is skipped, as libjpeg and Pillow do.
std::optional<std::uint64_t> find_marker(byte_view content, std::uint64_t at) {
  for (; at + 1 < content.size(); ++at)
    if (content[at] == 0xff && content[at + 1] != 0 && content[at + 1] != 0xff) return at;
  return std::nullopt;
}

void look_at_app1(byte_view data, std::uint8_t& exif, std::uint8_t& xmp) {
  constexpr std::string_view exif_name{"Exif\0\0", 6}, xmp_name{"http://ns.adobe.com/xap/1.0/\0", 29};
  // A file may carry several EXIF blocks, the first of them broken.
  if (text_at(data, 0, exif_name) && exif == 0) exif = exif_orientation(data);
  if (text_at(data, 0, xmp_name) && xmp == 0) xmp = xmp_orientation(data);
}

} // namespace

result<picture_header> read_jpeg_header(byte_view content, std::string_view name) {
  picture_header out{"JPEG"};
  bool sized = false;
  std::uint8_t exif = 0, xmp = 0;
  for (std::uint64_t at = 2;;) {
    auto found = find_marker(content, at);
    if (!found) return cannot_decode(errc::truncated_image, name, "it ends before its pixels");
    auto code = content[static_cast<std::size_t>(*found) + 1];
    if (code == sos) break;
    if (code == eoi) return cannot_decode(errc::corrupt_image, name, "it has no pixels");
    at = *found + 2;
    if (!has_segment(code)) continue;
    auto length = number_at(content, at, 2, big);
    if (!length) return cannot_decode(errc::truncated_image, name, "it ends before its pixels");
    if (*length < 2)
      return cannot_decode(errc::corrupt_image, name, "a segment of its header is shorter than its length");
    auto data = slice(content, at + 2, *length - 2);
    if (code == app1) look_at_app1(data, exif, xmp);
    if (is_frame(code) && data.size() >= 6 && !sized) {
      out.height = static_cast<std::uint32_t>(*number_at(data, 1, 2, big));
      out.width = static_cast<std::uint32_t>(*number_at(data, 3, 2, big));
      sized = true;
    }
    at += *length;
  }
  if (!sized) return cannot_decode(errc::corrupt_image, name, "its header tells no size");
  out.orientation = exif ? exif : xmp ? xmp : std::uint8_t{1};
  return out;
}

} // namespace vef
