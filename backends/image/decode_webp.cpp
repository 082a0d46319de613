// WebP by OpenCV, which reads still pictures alone. Of an animation the first frame is made a picture of its
// own.
#include <vef/backends/image/codecs.hpp>

#include <algorithm>

namespace vef {

namespace {

constexpr auto little = std::endian::little;

// The data of the first chunk of that name: four letters, a length, that many bytes.
std::optional<byte_view> find_chunk(byte_view content, std::uint64_t from, std::string_view name) {
  auto at = from;
  while (auto length = number_at(content, at + 4, 4, little)) {
    if (text_at(content, at, name)) return slice(content, at + 8, *length);
    at += 8 + *length + (*length & 1);
  }
  return std::nullopt;
}

void append_number(std::vector<std::uint8_t>& out, std::size_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

// A file of one frame without its alpha, which would be dropped anyway.
std::vector<std::uint8_t> still_picture(std::string_view name, byte_view data) {
  std::vector<std::uint8_t> out;
  auto append = [&](std::string_view text) { out.insert(out.end(), text.begin(), text.end()); };
  auto padding = data.size() & 1;
  append("RIFF");
  append_number(out, 12 + data.size() + padding);
  append("WEBP");
  append(name);
  append_number(out, data.size());
  out.insert(out.end(), data.begin(), data.end());
  out.resize(out.size() + padding);
  return out;
}

void place(const pixels& frame, pixels& canvas, std::size_t left, std::size_t top) {
  for (std::size_t y = 0; y < frame.height; ++y)
    std::copy_n(frame.rgb.begin() + static_cast<std::ptrdiff_t>(y * frame.width * 3), frame.width * 3,
                canvas.rgb.begin() + static_cast<std::ptrdiff_t>(((top + y) * canvas.width + left) * 3));
}

result<pixels> decode_first_frame(byte_view frame, const picture_header& canvas, std::string_view name) {
  auto number = [&](std::uint64_t at) {
    return static_cast<std::uint32_t>(number_at(frame, at, 3, little).value_or(0));
  };
  auto left = number(0) * 2, top = number(3) * 2;
  picture_header header{"WebP", number(6) + 1, number(9) + 1};
  if (left + header.width > canvas.width || top + header.height > canvas.height)
    return cannot_decode(errc::corrupt_image, name, "its first frame reaches out of the picture");
  std::string_view kind = "VP8 ";
  auto found = find_chunk(frame, 16, kind);
  if (!found) found = find_chunk(frame, 16, kind = "VP8L");
  if (!found) return cannot_decode(errc::corrupt_image, name, "its first frame has no pixels");
  auto decoded = decode_with_opencv(still_picture(kind, *found), header, name);
  if (!decoded || (header.width == canvas.width && header.height == canvas.height)) return decoded;
  auto out = blank(canvas);
  place(*decoded, out, left, top);
  return out;
}

} // namespace

result<pixels> decode_webp(byte_view content, const picture_header& header, std::string_view name) {
  if (auto frame = find_chunk(content, 12, "ANMF")) return decode_first_frame(*frame, header, name);
  return decode_with_opencv(content, header, name);
}

} // namespace vef
