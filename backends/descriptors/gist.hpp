#pragma once

#include <vef/backends/descriptors/layout.hpp>

#include <array>

namespace vef {

/// The gist of a scene at one scale (after Oliva and Torralba): how much energy there is in each direction,
/// and where, measured with a bank of Gabor filters in quadrature.
///
/// A Gabor filter under a round envelope, taken as a complex number, is a product of a row filter and a
/// column filter, and its mirror image takes the same products with other signs: that makes the bank cheap.
///
/// Immutable, hence safe to share between threads.
class gist_bank {
public:
  gist_bank(std::size_t side, const layout_shape& shape);

  /// Appends the descriptor of a tone plane of this size.
  void append(const plane& tone, float weight, std::vector<float>& out) const;

  std::size_t side() const noexcept { return side_; }
  std::size_t bytes() const noexcept { return layout_.bytes(); }

  static constexpr int radius = 5;
  static constexpr std::size_t directions = 6;

private:
  using taps = std::array<float, 2 * radius + 1>;

  // A wave under a Gaussian along one axis: its cosine and sine.
  struct wave {
    taps cosine, sine;
    void apply(const float* from, std::size_t step, std::span<float> cosines, std::span<float> sines) const;
  };
  static wave make_wave(float frequency);

  // The filter of one direction from 0 to 90 degrees; its mirror image makes another one.
  struct filter {
    wave across, down;
    void measure(const plane& padded, plane& energy, plane& mirrored) const;
  };
  std::vector<plane> energies(const plane& tone) const;

  std::size_t side_;
  cosine_layout layout_;
  std::array<filter, directions / 2 + 1> filters_;
};

} // namespace vef
