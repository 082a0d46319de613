#pragma once

#include <vef/backends/descriptors/plane.hpp>

namespace vef {

/// How finely a layout describes a plane.
struct layout_shape {
  std::size_t order = 4; ///< waves across the plane and down it, together, at most
  float reach = 2.2f;    ///< standard deviation of the Gaussian that damps the short waves
  float sharpen = 0;     ///< a wave of frequency f counts f^sharpen times
};

/// Where in a plane its values are high and where low, in a few numbers: the plane's deviations from its
/// mean, projected on low-frequency cosines.
///
/// Cosines rather than cells, because they pool softly: a slight crop, shift or rotation moves each number
/// little, the more so as short waves are damped. The rim counts less than the middle, since a crop takes it
/// away. The numbers have either sign and a mean near zero over many pictures, so that unrelated pictures
/// come out nearly orthogonal.
///
/// Immutable, hence safe to share between threads.
class cosine_layout {
public:
  cosine_layout(std::size_t side, const layout_shape& shape);

  /// How many numbers `append` appends.
  std::size_t size() const noexcept { return waves_.size(); }

  /// Appends the layout of the plane, times `gain`. Returns the plane's mean, which is in none of the
  /// numbers.
  float append(const plane& x, float gain, std::vector<float>& out) const;

  std::size_t bytes() const noexcept {
    return (basis_.capacity() + cosine_sums_.capacity()) * sizeof(float) + waves_.capacity() * sizeof(wave);
  }

private:
  struct wave {
    std::size_t across, down;
    float weight;
  };
  const float* cosine(std::size_t frequency) const noexcept { return basis_.data() + frequency * side_; }

  std::size_t side_;
  std::size_t order_;
  std::vector<float> basis_;       ///< (order + 1) x side: the cosines, windowed
  std::vector<float> cosine_sums_; ///< of each of them: windowed, they don't add up to zero
  std::vector<wave> waves_;
};

/// Appends `block` with about the length `weight`: much less if the block's own length is below `floor`,
/// which is where it says nothing (a picture without colour, a scale without edges).
void append_balanced(std::span<const float> block, float weight, float floor, std::vector<float>& out);

/// Scales to length 1.
void normalise(std::span<float> x);

} // namespace vef
