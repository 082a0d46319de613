#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace vef {

/// A decoded picture: 8-bit R, G, B of each pixel, row by row, upright. Owned by whoever holds it; moved, not
/// copied, on its way from the decoder to the forward pass.
struct pixels {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> rgb; ///< width x height x 3

  bool operator==(const pixels&) const = default;
};

} // namespace vef
