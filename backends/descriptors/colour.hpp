#pragma once

#include <vef/backends/descriptors/layout.hpp>

namespace vef {

/// The colours of a picture without their lightness: where they are, and which there are. In Lab, at low
/// resolution, with the chroma taken relative to the lightness so that a darker copy keeps its colours.
///
/// Immutable, hence safe to share between threads.
class colour_bank {
public:
  explicit colour_bank(const layout_shape& shape);

  /// Appends the layout of Lab's a and b, and the palette: Fourier coefficients of the distribution of (a,
  /// b), which do not ask where a colour is.
  void append(const pixels& picture, float layout_weight, float palette_weight,
              std::vector<float>& out) const;

  std::size_t bytes() const noexcept { return layout_.bytes(); }

private:
  cosine_layout layout_;
};

} // namespace vef
