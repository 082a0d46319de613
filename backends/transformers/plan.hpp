#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// What a network computes, as data: which steps, on what, with which tensors of the checkpoint. A family of
// models makes a plan from config.json without touching a weight; an engine runs it. So what is wrong with a
// checkpoint is known before anything is loaded, and a family is written without a tensor library.

namespace vef::plan {

/// The place of an intermediate result, by its number in `network_plan::slots`. Shapes are those of one
/// picture; a batch puts one more axis in front. Three kinds:
///   a map      channels, height, width; in memory the channels of a pixel lie together
///   tokens     count, width; or groups, count, width
///   a vector   width
struct slot {
  std::uint32_t index = 0;
  bool operator==(const slot&) const = default;
};

/// A tensor by its number in `network_plan::weights`.
struct weight {
  std::uint32_t index = 0;
  bool operator==(const weight&) const = default;
};

using shape = std::vector<std::int64_t>;

enum class activation : std::uint8_t {
  none,
  relu,
  relu6,
  gelu,       ///< by the error function
  gelu_tanh,  ///< its approximation by tanh
  quick_gelu, ///< x * sigmoid(1.702 x)
  silu,
  sigmoid,
  tanh,
  hardswish,
  leaky_relu, ///< slope 0.01
  mish,
};

struct batch_norm {
  weight scale = {}, offset = {}, mean = {}, variance = {};
  double epsilon = 1e-5;
};

/// out = after(norm(in * kernel + bias) + residual); a map to a map.
struct convolution {
  slot in = {}, out = {};
  weight kernel = {}; ///< out, in / groups, height, width
  std::optional<weight> bias = {};
  std::optional<batch_norm> norm = {};
  std::int64_t stride = 1;
  std::array<std::int64_t, 4> padding{}; ///< zeros at the top, left, bottom, right
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
  activation after = activation::none;
  std::optional<slot> residual = {};
};

/// out = residual + scale * after(in * transposed matrix + bias), over the last axis.
struct linear {
  slot in = {}, out = {};
  weight matrix = {}; ///< out, in
  std::optional<weight> bias = {};
  activation after = activation::none;
  std::optional<weight> scale = {};
  std::optional<slot> residual = {};
};

/// Over the last axis, with the biased variance.
struct layer_norm {
  slot in = {}, out = {};
  weight scale = {}, offset = {};
  double epsilon = 1e-5;
};

struct projection {
  weight matrix = {};
  std::optional<weight> bias = {};
};

/// softmax(q k^T / sqrt(width of a head) + bias) v of each head, side by side; without an output projection.
/// Heads are neighbouring parts of the projected width.
struct attention {
  slot in = {}, out = {};
  projection query = {}, key = {}, value = {};
  std::int64_t heads = 1;
  std::optional<weight> probe = {}; ///< asks instead of the tokens: count, width
  std::optional<weight> bias = {};  ///< 1 or groups, heads, count, count
};

/// Patches with further tokens in front, and positions added.
struct token_list {
  struct front {
    weight tokens = {};                        ///< count, width
    std::optional<std::int64_t> position = {}; ///< its row of `front_positions`
  };
  slot in = {}, out = {};
  std::vector<front> fronts = {};
  std::optional<weight> front_positions = {}; ///< rows, width
  std::optional<weight> positions = {};       ///< patches, width
};

enum class pooling : std::uint8_t { mean, largest };

/// Tokens from `first` on, `count` of them or all that follow (0), become one vector.
struct pool {
  slot in = {}, out = {};
  std::int64_t first = 0;
  std::int64_t count = 0;
  pooling how = pooling::mean;
};

/// Token `index` as a vector.
struct select {
  slot in = {}, out = {};
  std::int64_t index = 0;
};

/// Vectors one after the other.
struct concatenate {
  slot first = {}, second = {}, out = {};
};

/// out = after(first half of the width) * second half; or of two slots.
struct gate {
  slot in = {}, out = {};
  activation after = activation::silu;
  std::optional<slot> other = {};
};

/// ConvNeXt's global response normalisation over tokens: scale * x * n + offset + x, where n is the L2 norm
/// of a channel over all tokens, divided by the mean of these norms (+ 1e-6).
struct response_norm {
  slot in = {}, out = {};
  weight scale = {}, offset = {};
};

/// out = in * sigmoid(expand * after(reduce * mean of in)); a map.
struct squeeze_excite {
  slot in = {}, out = {};
  projection reduce = {}, expand = {}; ///< as 1x1 convolutions: out, in, 1, 1
  activation after = activation::silu;
};

/// A window of `size`, the largest of each channel.
struct max_pool {
  slot in = {}, out = {};
  std::int64_t size = 3, stride = 2, padding = 1;
};

/// Zeros at the right and the bottom of a map.
struct pad {
  slot in = {}, out = {};
};

/// A map as tokens, row by row, or tokens as a map: the same memory.
struct reshape {
  slot in = {}, out = {};
};

/// Tokens of a height x width grid into windows of size x size (groups), after zeros at the right and the
/// bottom to whole windows and a roll by -shift in both axes; `back` undoes it.
struct windows {
  slot in = {}, out = {};
  std::int64_t height = 0, width = 0, size = 0, shift = 0;
  bool back = false;
};

/// Swin's downsampling of a height x width grid: 2 x 2 neighbours side by side, after zeros to even sides.
struct merge_patches {
  slot in = {}, out = {};
  std::int64_t height = 0, width = 0;
};

using step =
    std::variant<convolution, linear, layer_norm, attention, token_list, pool, select, concatenate, gate,
                 response_norm, squeeze_excite, max_pool, pad, reshape, windows, merge_patches>;

/// What a step writes, and what it reads.
inline slot output_of(const step& x) {
  return std::visit([](const auto& y) { return y.out; }, x);
}

inline std::vector<slot> inputs_of(const step& x) {
  return std::visit(
      [](const auto& y) {
        std::vector<slot> out;
        if constexpr (requires { y.in; })
          out.push_back(y.in);
        else
          out = {y.first, y.second};
        if constexpr (requires { y.residual; })
          if (y.residual) out.push_back(*y.residual);
        if constexpr (requires { y.other; })
          if (y.other) out.push_back(*y.other);
        return out;
      },
      x);
}

} // namespace vef::plan

namespace vef {

/// A tensor that a plan needs: one of the checkpoint, a part of one, or something computed from it.
struct plan_weight {
  std::string name;        ///< in the checkpoint
  plan::shape shape;       ///< of what the plan gets
  std::uint64_t first = 0; ///< element of the stored tensor with which it begins

  /// Makes it from all elements of the stored tensor, as float32; empty: it is as stored.
  std::function<std::vector<float>(const std::vector<float>&)> derive = {};
};

/// A network of one input size with one output.
struct network_plan {
  std::vector<plan::shape> slots; ///< slot 0 is the picture: 3, height, width
  std::vector<plan_weight> weights;
  std::vector<plan::step> steps; ///< each reads what earlier ones wrote
  plan::slot output;             ///< a vector
};

/// For each slot the step that reads it last; `steps.size()` for the output and for what nobody reads.
inline std::vector<std::size_t> last_uses(const network_plan& x) {
  std::vector<std::size_t> out(x.slots.size(), x.steps.size());
  for (std::size_t i = 0; i < x.steps.size(); ++i)
    for (auto in : plan::inputs_of(x.steps[i])) out[in.index] = i;
  out[x.output.index] = x.steps.size();
  return out;
}

} // namespace vef
