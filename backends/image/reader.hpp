#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace vef {

using byte_view = std::span<const std::uint8_t>;

/// `size` bytes at `at`, fewer where the content ends earlier, none where `at` lies behind it. Positions are
/// 64 bits wide and come from hostile files: the sum of two of them is never formed before it is known to
/// fit.
inline byte_view slice(byte_view bytes, std::uint64_t at, std::uint64_t size = UINT64_MAX) noexcept {
  if (at >= bytes.size()) return {};
  auto left = bytes.size() - static_cast<std::size_t>(at);
  return bytes.subspan(static_cast<std::size_t>(at), size < left ? static_cast<std::size_t>(size) : left);
}

/// The unsigned integer of `size` bytes at `at`, if all of it is there.
inline std::optional<std::uint64_t> number_at(byte_view bytes, std::uint64_t at, std::size_t size,
                                              std::endian order) noexcept {
  auto found = slice(bytes, at, size);
  if (found.size() != size) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | found[order == std::endian::big ? i : size - 1 - i];
  return value;
}

inline bool text_at(byte_view bytes, std::uint64_t at, std::string_view text) noexcept {
  auto found = slice(bytes, at, text.size());
  return found.size() == text.size() && std::memcmp(found.data(), text.data(), text.size()) == 0;
}

inline std::string_view as_text(byte_view bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace vef
