// The first frame of a GIF. OpenCV reads GIF since 4.11 only, and it is little enough to say here.
#include <vef/backends/image/codecs.hpp>

#include <algorithm>
#include <array>

namespace vef {

namespace {

constexpr auto little = std::endian::little;

struct rectangle {
  std::uint32_t x = 0, y = 0, width = 0, height = 0;
};

struct gif_frame {
  rectangle place;
  bool interlaced = false;
  byte_view palette;           // R, G, B of each colour; none: the indices are shades of grey
  std::uint8_t background = 0; // what the canvas has where the frame is not
  std::uint64_t data = 0;      // where the compressed indices start
};

std::uint64_t palette_size(std::uint64_t flags) { return flags & 0x80 ? 3u << ((flags & 7) + 1) : 0; }

// Where the blocks that start at `at` end; the content's size where they do not.
std::uint64_t skip_blocks(byte_view content, std::uint64_t at) {
  while (auto size = number_at(content, at, 1, little)) {
    at += 1 + *size;
    if (*size == 0) return at;
  }
  return content.size();
}

result<gif_frame> find_frame(byte_view content, std::string_view name) {
  auto ends = [&] { return cannot_decode(errc::truncated_image, name, "it ends before its first frame"); };
  auto flags = number_at(content, 10, 1, little);
  if (!flags) return ends();
  gif_frame out;
  out.palette = slice(content, 13, palette_size(*flags));
  auto at = 13 + palette_size(*flags);
  for (;;) {
    auto kind = number_at(content, at, 1, little);
    if (!kind) return ends();
    if (*kind == ',') break;
    if (*kind == ';') return cannot_decode(errc::corrupt_image, name, "it has no frame");
    if (*kind != '!') { // Pillow skips stray bytes between blocks too
      ++at;
      continue;
    }
    // A graphic control: flags, a delay of two bytes, the transparent colour.
    if (text_at(content, at + 1, "\xf9\x04") && (number_at(content, at + 3, 1, little).value_or(0) & 1))
      out.background = static_cast<std::uint8_t>(number_at(content, at + 6, 1, little).value_or(0));
    at = skip_blocks(content, at + 2);
  }
  auto head = slice(content, at + 1, 9);
  if (head.size() < 9) return ends();
  auto word = [&](std::size_t i) { return static_cast<std::uint32_t>(*number_at(head, i, 2, little)); };
  out.place = {word(0), word(2), word(4), word(6)};
  out.interlaced = head[8] & 0x40;
  if (auto own = palette_size(head[8])) out.palette = slice(content, at + 10, own);
  out.data = at + 10 + palette_size(head[8]);
  return out;
}

// The frame's bytes without the lengths between them.
std::vector<std::uint8_t> join_blocks(byte_view content, std::uint64_t at) {
  std::vector<std::uint8_t> out;
  while (auto size = number_at(content, at, 1, little)) {
    auto block = slice(content, at + 1, *size);
    out.insert(out.end(), block.begin(), block.end());
    at += 1 + *size;
    if (*size == 0) break;
  }
  return out;
}

// GIF's LZW: calls `put(index)` for each pixel until `count` are out. Codes grow from `depth` + 1 to 12 bits;
// each stands for an earlier string and one more index. False if the codes end or make no sense before.
template <class Put> bool unpack(byte_view data, unsigned depth, std::uint64_t count, Put put) {
  constexpr std::uint16_t none = 0xffff;
  std::array<std::uint16_t, 4096> prefix{};
  std::array<std::uint8_t, 4096> last{}, text{};
  const unsigned clear = 1u << depth, stop = clear + 1;
  unsigned next = clear + 2, width = depth + 1, previous = none;
  std::uint8_t first = 0;
  std::uint32_t bits = 0;
  unsigned available = 0;
  for (std::size_t at = 0; count > 0;) {
    for (; available < width; available += 8) {
      if (at == data.size()) return false;
      bits |= std::uint32_t{data[at++]} << available;
    }
    unsigned code = bits & ((1u << width) - 1);
    bits >>= width;
    available -= width;
    if (code == clear) {
      next = clear + 2;
      width = depth + 1;
      previous = none;
      continue;
    }
    if (code == stop || code > next || (previous == none && code >= clear)) return false;

    // The string is found from its end. A code about to be made is the previous string and its first index
    // again.
    std::size_t length = 0;
    auto walk = code == next ? previous : code;
    if (code == next) text[length++] = first;
    for (; walk >= clear; walk = prefix[walk]) text[length++] = last[walk];
    first = text[length++] = static_cast<std::uint8_t>(walk);
    for (; length > 0 && count > 0; --count) put(text[--length]);

    if (previous != none && next < 4096) {
      prefix[next] = static_cast<std::uint16_t>(previous);
      last[next++] = first;
      if (next == 1u << width && width < 12) ++width;
    }
    previous = code;
  }
  return true;
}

// The rows of an interlaced frame come in four passes: every 8th, every 8th from 4, every 4th from 2, every
// 2nd from 1.
std::vector<std::uint32_t> row_order(std::uint32_t height, bool interlaced) {
  constexpr std::array<std::array<std::uint32_t, 2>, 4> passes{{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  std::vector<std::uint32_t> out;
  if (!interlaced)
    for (std::uint32_t y = 0; y < height; ++y) out.push_back(y);
  else
    for (auto [start, step] : passes)
      for (auto y = start; y < height; y += step) out.push_back(y);
  return out;
}

std::array<std::uint8_t, 3> colour_of(byte_view palette, std::uint8_t index) {
  auto found = slice(palette, std::uint64_t{index} * 3, 3);
  if (found.size() < 3) return {index, index, index};
  return {found[0], found[1], found[2]};
}

} // namespace

// A first frame that reaches out of the canvas widens it, as in Pillow.
result<picture_header> read_gif_header(byte_view content, std::string_view name) {
  auto width = number_at(content, 6, 2, little);
  auto height = number_at(content, 8, 2, little);
  if (!width || !height) return cannot_decode(errc::truncated_image, name, "its header ends early");
  auto frame = find_frame(content, name);
  if (!frame) return fail(frame.error());
  auto [x, y, w, h] = frame->place;
  return picture_header{"GIF", std::max(static_cast<std::uint32_t>(*width), x + w),
                        std::max(static_cast<std::uint32_t>(*height), y + h)};
}

result<pixels> decode_gif(byte_view content, const picture_header& header, std::string_view name) {
  auto frame = find_frame(content, name);
  if (!frame) return fail(frame.error());
  auto depth = number_at(content, frame->data, 1, little);
  if (!depth) return cannot_decode(errc::truncated_image, name, "it ends before its first pixels");
  if (*depth < 1 || *depth > 8)
    return cannot_decode(errc::corrupt_image, name, "its colours have a depth of " + std::to_string(*depth));
  const auto place = frame->place;
  auto count = std::uint64_t{place.width} * place.height;
  auto data = join_blocks(content, frame->data + 1);
  if (count / 4096 > data.size()) // a code has at least a bit, and stands for at most 4096 pixels
    return cannot_decode(errc::truncated_image, name, "it is far too short for its size in pixels");

  auto out = blank(header);
  auto background = colour_of(frame->palette, frame->background);
  for (std::size_t i = 0; i < out.rgb.size(); ++i) out.rgb[i] = background[i % 3];
  auto rows = row_order(place.height, frame->interlaced);
  std::uint64_t done = 0;
  auto put = [&](std::uint8_t index) {
    auto y = place.y + rows[static_cast<std::size_t>(done / place.width)];
    auto x = place.x + static_cast<std::uint32_t>(done++ % place.width);
    std::ranges::copy(colour_of(frame->palette, index),
                      out.rgb.begin() + static_cast<std::ptrdiff_t>((std::size_t{y} * out.width + x) * 3));
  };
  if (!unpack(data, static_cast<unsigned>(*depth), count, put)) {
    auto ended = skip_blocks(content, frame->data + 1) >= content.size();
    return cannot_decode(ended ? errc::truncated_image : errc::corrupt_image, name,
                         ended ? "it ends before its last pixels" : "its compressed pixels make no sense");
  }
  return out;
}

} // namespace vef
