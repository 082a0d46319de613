#pragma once

#include <vef/backends/pixels.hpp>
#include <vef/messages/preparation.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace vef {

/// A part of one axis: `size` places from `start`.
struct stretch {
  std::uint32_t start = 0;
  std::uint32_t size = 0;
};

/// The part `columns` x `rows` of what `resize` yields for the same width, height, filter and arithmetic, to
/// the bit, for the price of that part: a crop is cheaper than the resizing before it.
pixels resize_part(const pixels& picture, std::uint32_t width, std::uint32_t height, interpolation filter,
                   stretch columns, stretch rows, arithmetic whose = arithmetic::pillow);

/// Whether a picture that changes on both axes is resampled down before it is across: what Pillow 13 does
/// where that leaves less to do (hf.md, 5.3).
bool down_first(const pixels& picture, std::uint32_t width, std::uint32_t height, arithmetic whose);

/// How one axis is resampled: output `o` is the sum of `taps` inputs from `first[o]` on, each times its
/// weight in fixed point, `bits` of it behind the point. The weights of each output are padded with zeros to
/// `taps`, a multiple of four.
struct axis_weights {
  std::uint32_t begin = 0; ///< the first input that any output needs
  std::uint32_t end = 0;
  std::uint32_t taps = 0;
  int bits = 0;
  std::vector<std::uint32_t> first;
  std::vector<std::uint32_t> count; ///< of the taps before the padding
  std::vector<std::int32_t> weights;
};

/// The weights of the part `part` of an axis of `from` inputs and `to` outputs. Pillow's have 22 bits behind
/// the point (hf.md, 5.3); torchvision's fit 16 bits, as many of them behind the point as the largest weight
/// of the whole axis leaves (hf.md, 5.4).
axis_weights make_axis_weights(std::uint32_t from, std::uint32_t to, interpolation filter, stretch part,
                               arithmetic whose);

/// Resamples rows of RGB pixels across. One object serves all rows of a picture.
class row_resampler {
public:
  explicit row_resampler(const axis_weights& axis);

  /// `from` is the start of each row, `to` the place of its `axis.first.size()` outputs; `left` counts the
  /// bytes that may be read from the last row's start on.
  void operator()(std::span<const std::uint8_t* const> from, std::span<std::uint8_t* const> to,
                  std::size_t left) const;

private:
  const axis_weights& axis_;
  std::vector<std::int16_t>
      halves_; // for the vector units: of four weights the four high, then the four low parts
};

/// Resamples down: the weighted sum of `weights.size()` rows of `size` bytes, `stride` apart; `bits` of each
/// weight are behind the point.
void sum_rows(const std::uint8_t* from, std::size_t stride, std::span<const std::int32_t> weights, int bits,
              std::uint8_t* to, std::size_t size);

} // namespace vef
