// BMP, read here: OpenCV's reader takes an old palette or an unused fourth byte for something else, depending
// on its version.
#include <vef/backends/image/codecs.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace vef {

namespace {

constexpr auto little = std::endian::little;

enum packing : std::uint32_t { plain = 0, runs_of_8 = 1, runs_of_4 = 2, by_masks = 3 };

struct bmp_facts {
  std::uint64_t start = 0; // of the pixels
  unsigned depth = 0;      // bits a pixel
  std::uint32_t how = plain;
  bool upwards = true; // the last row comes first
  std::vector<std::array<std::uint8_t, 3>> palette;
  std::array<std::uint32_t, 3> masks{}; // red, green, blue
};

result<std::vector<std::array<std::uint8_t, 3>>> read_palette(byte_view content, unsigned depth,
                                                              std::string_view name) {
  std::vector<std::array<std::uint8_t, 3>> out;
  if (depth > 8) return out;
  auto head = *number_at(content, 14, 4, little);
  std::uint64_t count = 1u << depth, each = head == 12 ? 3 : 4;
  if (auto told = head == 12 ? 0 : number_at(content, 46, 4, little).value_or(0)) count = told;
  if (count > 256)
    return cannot_decode(errc::corrupt_image, name, "its palette has " + std::to_string(count) + " colours");
  for (std::uint64_t i = 0; i < count; ++i) {
    auto colour = slice(content, 14 + head + i * each, 3);
    if (colour.size() < 3) return cannot_decode(errc::truncated_image, name, "it ends within its palette");
    out.push_back({colour[2], colour[1], colour[0]});
  }
  return out;
}

std::string_view unsupported_because(std::uint64_t head, const bmp_facts& of) {
  constexpr std::array<std::uint64_t, 7> heads{12, 40, 52, 56, 64, 108, 124};
  constexpr std::array<unsigned, 6> depths{1, 4, 8, 16, 24, 32};
  if (std::ranges::find(heads, head) == heads.end()) return "its header is of an unknown version";
  if (std::ranges::find(depths, of.depth) == depths.end()) return "its pixels have an unknown number of bits";
  bool fits = of.how == plain || (of.how == runs_of_8 && of.depth == 8)
              || (of.how == runs_of_4 && of.depth == 4)
              || (of.how == by_masks && head != 64 && (of.depth == 16 || of.depth == 32));
  return fits ? std::string_view{} : "it is compressed in an unknown way";
}

result<bmp_facts> read_facts(byte_view content, std::string_view name) {
  auto head = *number_at(content, 14, 4, little);
  if (slice(content, 14, head).size() < head)
    return cannot_decode(errc::truncated_image, name, "it ends within its header");
  bool old = head == 12;
  auto number = [&](std::uint64_t at, std::size_t size) {
    return number_at(content, at, size, little).value_or(0);
  };
  bmp_facts out;
  out.depth = static_cast<unsigned>(number(old ? 24 : 28, 2));
  out.how = old ? 0 : static_cast<std::uint32_t>(number(30, 4));
  out.upwards = old || number(22, 4) < 0x80000000;
  if (auto why = unsupported_because(head, out); !why.empty())
    return cannot_decode(errc::unsupported_image, name, why);
  auto palette = read_palette(content, out.depth, name);
  if (!palette) return fail(palette.error());
  out.palette = std::move(*palette);
  out.start = number(10, 4);
  if (out.start == 0) out.start = 14 + head + out.palette.size() * (old ? 3 : 4);
  if (out.depth == 16) out.masks = {0x7c00, 0x03e0, 0x001f};
  if (out.depth == 32) out.masks = {0xff0000, 0xff00, 0xff};
  if (out.how == by_masks)
    for (std::size_t c = 0; c < 3; ++c) out.masks[c] = static_cast<std::uint32_t>(number(54 + 4 * c, 4));
  return out;
}

std::uint8_t masked(std::uint32_t value, std::uint32_t mask) {
  if (mask == 0) return 0;
  auto shift = std::countr_zero(mask);
  std::uint64_t part = (value & mask) >> shift, full = mask >> shift;
  return static_cast<std::uint8_t>(part * 255 / full);
}

std::array<std::uint8_t, 3> colour_of(const bmp_facts& of, std::size_t index) {
  return index < of.palette.size() ? of.palette[index] : std::array<std::uint8_t, 3>{};
}

std::array<std::uint8_t, 3> colour_at(const bmp_facts& of, byte_view row, std::size_t x) {
  if (of.depth <= 8) {
    auto shift = 8 - of.depth - x * of.depth % 8;
    return colour_of(of, row[x * of.depth / 8] >> shift & ((1u << of.depth) - 1));
  }
  if (of.depth == 24) return {row[x * 3 + 2], row[x * 3 + 1], row[x * 3]};
  auto size = of.depth / 8;
  auto value = static_cast<std::uint32_t>(*number_at(row, x * size, size, little));
  return {masked(value, of.masks[0]), masked(value, of.masks[1]), masked(value, of.masks[2])};
}

// Where row `y` of the file goes.
std::uint8_t* target_row(const bmp_facts& of, pixels& out, std::size_t y) {
  return out.rgb.data() + (of.upwards ? out.height - 1 - y : y) * out.width * 3;
}

result<pixels> read_rows(byte_view content, const bmp_facts& of, const picture_header& header,
                         std::string_view name) {
  auto stride = (std::uint64_t{header.width} * of.depth + 31) / 32 * 4;
  auto last = (std::uint64_t{header.width} * of.depth + 7) / 8; // the padding of the last row may be missing
  if (slice(content, of.start).size() < stride * (header.height - 1) + last)
    return cannot_decode(errc::truncated_image, name, "it ends before its last pixels");
  auto out = blank(header);
  for (std::size_t y = 0; y < header.height; ++y) {
    auto row = slice(content, of.start + y * stride, stride);
    auto to = target_row(of, out, y);
    for (std::size_t x = 0; x < header.width; ++x) to = std::ranges::copy(colour_at(of, row, x), to).out;
  }
  return out;
}

// A run is a count and a value; a count of zero is followed by a command: 0 ends the row, 1 the picture, 2
// moves on, and a larger one announces that many single values. What is never written keeps the first colour.
result<pixels> read_runs(byte_view content, const bmp_facts& of, const picture_header& header,
                         std::string_view name) {
  std::vector<std::uint8_t> indices(std::size_t{header.width} * header.height);
  std::uint64_t at = of.start, x = 0, y = 0;
  auto put = [&](std::uint64_t index) {
    if (x < header.width && y < header.height)
      indices[static_cast<std::size_t>(y * header.width + x)] = static_cast<std::uint8_t>(index);
    ++x;
  };
  // Two values share a byte of a picture of 4 bits; the upper one is first.
  auto value_of = [&](std::uint64_t byte, std::uint64_t i) {
    return of.depth == 8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15;
  };
  while (y < header.height) {
    auto count = number_at(content, at, 1, little), second = number_at(content, at + 1, 1, little);
    if (!count || !second)
      return cannot_decode(errc::truncated_image, name, "it ends before its last pixels");
    at += 2;
    if (*count > 0) {
      for (std::uint64_t i = 0; i < *count; ++i) put(value_of(*second, i));
    } else if (*second == 0) {
      x = 0;
      ++y;
    } else if (*second == 1) {
      break;
    } else if (*second == 2) {
      x += number_at(content, at, 1, little).value_or(0);
      y += number_at(content, at + 1, 1, little).value_or(0);
      at += 2;
    } else {
      auto size = of.depth == 8 ? *second : (*second + 1) / 2;
      auto values = slice(content, at, size);
      if (values.size() < size)
        return cannot_decode(errc::truncated_image, name, "it ends before its last pixels");
      for (std::uint64_t i = 0; i < *second; ++i)
        put(value_of(values[static_cast<std::size_t>(of.depth == 8 ? i : i / 2)], i));
      at += size + size % 2;
    }
  }
  auto out = blank(header);
  for (std::size_t row = 0; row < header.height; ++row) {
    auto to = target_row(of, out, row);
    for (std::size_t i = 0; i < header.width; ++i)
      to = std::ranges::copy(colour_of(of, indices[row * header.width + i]), to).out;
  }
  return out;
}

} // namespace

result<picture_header> read_bmp_header(byte_view content, std::string_view name) {
  bool old = number_at(content, 14, 4, little) == 12u; // OS/2 1.x: sizes of two bytes
  auto width = number_at(content, 18, old ? 2 : 4, little);
  auto height = number_at(content, old ? 20 : 22, old ? 2 : 4, little);
  if (!width || !height) return cannot_decode(errc::truncated_image, name, "its header ends early");
  // Rows from top to bottom are told by a negative height.
  if (!old && *height >= 0x80000000) *height = 0x100000000 - *height;
  if (*width > 0x7fffffff || *height > 0x7fffffff)
    return cannot_decode(errc::corrupt_image, name, "its size is out of range");
  return picture_header{"BMP", static_cast<std::uint32_t>(*width), static_cast<std::uint32_t>(*height)};
}

result<pixels> decode_bmp(byte_view content, const picture_header& header, std::string_view name) {
  auto facts = read_facts(content, name);
  if (!facts) return fail(facts.error());
  bool runs = facts->how == runs_of_8 || facts->how == runs_of_4;
  return (runs ? read_runs : read_rows)(content, *facts, header, name);
}

} // namespace vef
