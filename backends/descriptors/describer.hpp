#pragma once

#include <vef/backends/descriptors/colour.hpp>
#include <vef/backends/descriptors/gist.hpp>
#include <vef/backends/descriptors/hog.hpp>

#include <optional>

namespace vef {

/// What a descriptor is put together from. Weights are lengths of blocks: the cosine of two vectors is the
/// mean of the cosines of their blocks, weighted by the squares of these.
struct recipe {
  std::size_t side = 64; ///< of the pictures, pixels

  layout_shape tone{7, 3.0f, 0.5f};
  float tone_weight = 1.2f;

  layout_shape colour{4, 2.0f};
  float colour_weight = 1;
  float palette_weight = 0.85f;

  layout_shape hog{4, 2.2f};
  float hog_weight = 1.5f;
  float fine_hog_weight = 0.6f; ///< at a side of 64, which a small thumbnail has lost

  layout_shape gist{3, 1.6f};
  float gist_weight = 0; ///< 0: without
};

/// Turns a prepared picture into a vector of length 1. Immutable, hence safe to share between threads.
class describer {
public:
  explicit describer(const recipe& x);

  std::size_t dim() const noexcept { return dim_; }
  std::size_t side() const noexcept { return recipe_.side; }

  /// `picture` is side x side, `out` has dim floats.
  void describe(const pixels& picture, std::span<float> out) const;

  /// Bytes of the filters and cosines.
  std::size_t bytes() const noexcept;

  /// Bytes that `describe` takes while it works, about.
  std::size_t working_bytes() const noexcept;

private:
  std::vector<float> blocks(const pixels& picture) const;

  recipe recipe_;
  cosine_layout tone_;
  colour_bank colour_;
  std::vector<hog_bank> hog_;
  std::vector<gist_bank> gist_;
  std::size_t dim_ = 0;
};

} // namespace vef
