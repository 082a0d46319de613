#pragma once

#include <vef/backends/transformers/network_builder.hpp>

namespace vef {

/// How a grid of learnt positions is brought to another size (hf.md, 2): as torch's `interpolate` with the
/// output's size given.
enum class position_filter : std::uint8_t {
  bicubic,             ///< a = -0.75, four taps, indices clamped at the edge
  antialiased_bicubic, ///< a = -0.5, widened where the grid shrinks, taps outside dropped
};

/// `grid` is height x width x channels, row by row; so is what comes out.
std::vector<float> resize_positions(const float* grid, std::array<std::int64_t, 2> from,
                                    std::array<std::int64_t, 2> to, std::int64_t channels,
                                    position_filter filter);

/// Learnt positions: a tensor of `front` rows for class and distillation tokens, then a square grid of rows
/// for patches.
struct position_table {
  std::string name = {};
  plan::shape stored = {};
  std::int64_t front = 0;
  std::int64_t patch = 0;               ///< side of a patch, in pixels
  std::array<std::int64_t, 2> native{}; ///< height and width that the model was trained for, in pixels
  bool always = false;                  ///< the family takes any size without being asked
  position_filter filter = position_filter::bicubic;
};

struct positions {
  std::optional<plan::weight> front;
  plan::weight patches;
};

/// The positions for the pictures of the builder, interpolated where they are of another size than the native
/// one. Refuses that with invalid_config unless it was asked for or the family always does it.
positions take_positions(network_builder& network, const position_table& x);

} // namespace vef
