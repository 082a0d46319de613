#pragma once

#include <vef/backends/descriptors/layout.hpp>

namespace vef {

/// Histograms of oriented gradients at one scale, kept as Fourier coefficients: instead of counting gradients
/// in bins of orientation and cells of the picture, they are projected on harmonics of the orientation and on
/// cosines of the place. The same information without bins to fall from one into the other, so that turning a
/// picture by two degrees turns each coefficient by a few.
///
/// Immutable, hence safe to share between threads.
class hog_bank {
public:
  hog_bank(std::size_t side, const layout_shape& shape);

  /// Appends the descriptor of a tone plane of this size.
  void append(const plane& tone, float weight, std::vector<float>& out) const;

  std::size_t side() const noexcept { return side_; }
  std::size_t bytes() const noexcept { return layout_.bytes(); }

private:
  std::size_t side_;
  cosine_layout layout_;
};

} // namespace vef
