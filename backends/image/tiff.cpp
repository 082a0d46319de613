#include <vef/backends/image/tiff.hpp>

#include <algorithm>

namespace vef {

namespace {

// Bytes of one value of the field types 1 to 18; 0 for what no specification knows.
constexpr std::array<std::uint8_t, 19> value_sizes{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};

std::uint64_t value_size(std::uint16_t type) noexcept {
  return type < value_sizes.size() ? value_sizes[type] : 0;
}

// Counts and offsets are `word` bytes wide: 4, in a BigTIFF 8.
std::optional<tiff_entry> read_entry(byte_view bytes, std::uint64_t at, std::endian order, std::size_t word) {
  auto tag = number_at(bytes, at, 2, order);
  auto type = number_at(bytes, at + 2, 2, order);
  auto count = number_at(bytes, at + 4, word, order);
  auto there = number_at(bytes, at + 4 + word, word, order);
  if (!tag || !type || !count || !there) return std::nullopt;
  auto out = tiff_entry{static_cast<std::uint16_t>(*tag), static_cast<std::uint16_t>(*type), *count, *there};
  auto size = value_size(out.type);
  if (size == 0 || out.count <= word / size) out.at = at + 4 + word;
  return out;
}

} // namespace

std::optional<tiff_directory> tiff_directory::open(byte_view bytes) {
  tiff_directory out;
  out.bytes_ = bytes;
  if (text_at(bytes, 0, "MM"))
    out.order_ = std::endian::big;
  else if (!text_at(bytes, 0, "II"))
    return std::nullopt;
  auto version = number_at(bytes, 2, 2, out.order_);
  if (version != 42u && version != 43u) return std::nullopt;
  std::size_t word = version == 43u ? 8 : 4;

  auto at = number_at(bytes, word, word, out.order_);
  if (!at || *at >= bytes.size()) return std::nullopt;
  auto count_size = word == 8 ? 8u : 2u;
  auto count = number_at(bytes, *at, count_size, out.order_);
  if (!count || *count > 0xffff) return std::nullopt;
  for (std::uint64_t i = 0; i < *count; ++i) {
    auto entry = read_entry(bytes, *at + count_size + i * (4 + 2 * word), out.order_, word);
    if (!entry) break;
    out.entries_.push_back(*entry);
  }
  return out;
}

const tiff_entry* tiff_directory::find(std::uint16_t tag) const {
  auto found = std::ranges::find(entries_, tag, &tiff_entry::tag);
  return found == entries_.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> tiff_directory::number(std::uint16_t tag, std::uint64_t index) const {
  auto entry = find(tag);
  if (!entry || index >= entry->count || entry->at >= bytes_.size()) return std::nullopt;
  auto size = value_size(entry->type);
  if (size == 0 || index > bytes_.size() / size) return std::nullopt;
  auto at = entry->at + index * size;
  constexpr std::uint16_t byte = 1, short_ = 3, long_ = 4, long8 = 16;
  if (entry->type != byte && entry->type != short_ && entry->type != long_ && entry->type != long8)
    return std::nullopt;
  return number_at(bytes_, at, size, order_);
}

std::uint64_t tiff_directory::count(std::uint16_t tag) const {
  auto entry = find(tag);
  return entry ? entry->count : 0;
}

byte_view tiff_directory::content(std::uint16_t tag) const {
  auto entry = find(tag);
  return entry && value_size(entry->type) == 1 ? slice(bytes_, entry->at, entry->count) : byte_view{};
}

void tiff_directory::assign(std::span<std::uint8_t> copy, std::uint16_t tag, std::uint64_t value) const {
  auto entry = find(tag);
  if (!entry || !number(tag) || copy.size() != bytes_.size()) return;
  auto size = value_size(entry->type);
  for (std::uint64_t i = 0; i < size; ++i) {
    auto shift = 8 * (order_ == std::endian::big ? size - 1 - i : i);
    copy[static_cast<std::size_t>(entry->at + i)] = static_cast<std::uint8_t>(value >> shift);
  }
}

} // namespace vef
