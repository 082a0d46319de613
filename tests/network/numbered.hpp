#pragma once

#include "support/fake_backend.hpp"

#include <cmath>
#include <cstdint>
#include <span>

namespace vef::test {

/// A picture of one colour, which is its number, below 2^24. Its vector is the colour.
inline image picture(std::uint32_t number, std::uint32_t side = 2) {
  auto byte = [&](int shift) { return static_cast<std::uint8_t>(number >> shift); };
  return plain(byte(0), byte(8), byte(16), side);
}

/// Of pixels or of a vector: which picture it is.
template <class T> std::uint32_t number_of(std::span<const T> colour) {
  auto part = [&](std::size_t i) { return static_cast<std::uint32_t>(colour[i]); };
  return part(0) | part(1) << 8 | part(2) << 16;
}

} // namespace vef::test
