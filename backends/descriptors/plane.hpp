#pragma once

#include <vef/backends/pixels.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace vef {

/// A square picture of one float per pixel, row by row.
struct plane {
  std::size_t side = 0;
  std::vector<float> values;

  plane() = default;
  explicit plane(std::size_t side_)
      : side(side_)
      , values(side_ * side_) {}

  float* row(std::size_t y) noexcept { return values.data() + y * side; }
  const float* row(std::size_t y) const noexcept { return values.data() + y * side; }
};

float mean(const plane& x) noexcept;

/// The tone of a square picture: the logarithm of its lightness, in which a change of exposure or gamma comes
/// close to an offset or a factor. The darkest tones, where noise and black borders live, are compressed.
plane tone_of(const pixels& picture);

/// Half the side, smoothed with the binomial filter 1 3 3 1 first.
plane halved(const plane& x);

/// `base` and its halves, down to a side of `smallest`.
std::vector<plane> pyramid(plane base, std::size_t smallest);

/// The mean over the square of `width` pixels (odd) around each pixel; the picture is mirrored at its rim.
plane local_mean(const plane& x, std::size_t width);

} // namespace vef
