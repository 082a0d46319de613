#pragma once

#include <vef/backends/transformers/network_builder.hpp>

namespace vef {

// The parts that many families are made of.

/// A layer of a transformer that normalises first: x += scale1 * attention(norm1 x), then
/// x += scale2 * down(after(up(norm2 x))). What is called is the name of each part in the checkpoint.
struct transformer_layer {
  std::string norm1 = {}, query = {}, key = {}, value = {}, out = {};
  std::string norm2 = {}, up = {}, down = {};
  std::string scale1 = {}, scale2 = {}; ///< empty: none

  std::int64_t heads = 1;
  std::int64_t inner = 0; ///< width between `up` and `down`
  plan::activation after = plan::activation::gelu;
  double epsilon = 1e-5;
  bool projection_bias = true; ///< of query, key and value
};

plan::slot add_attention(network_builder& network, plan::slot x, const transformer_layer& layer);
plan::slot add_mlp(network_builder& network, plan::slot x, const transformer_layer& layer);
plan::slot add_layer(network_builder& network, plan::slot x, const transformer_layer& layer);

/// The query, key and value of a layer.
plan::attention take_attention(network_builder& network, plan::slot x, const transformer_layer& layer);

/// A convolution whose stride is its kernel: each patch becomes a token. A remainder at the right and the
/// bottom is dropped.
plan::slot add_patches(network_builder& network, plan::slot picture, const std::string& name,
                       std::int64_t width, std::array<std::int64_t, 2> patch, bool bias);

/// A convolution without bias, then batch normalisation, as `kernel` + ".weight" and `norm` + ".weight",
/// ".bias", ".running_mean", ".running_var".
struct convolution_layer {
  std::string kernel = {}, norm = {};
  std::int64_t channels = 0;
  std::int64_t size = 1;
  std::int64_t stride = 1;
  std::array<std::int64_t, 4> padding{}; ///< top, left, bottom, right
  std::int64_t dilation = 1;
  bool depthwise = false;
  double epsilon = 1e-5;
  plan::activation after = plan::activation::none;
  std::optional<plan::slot> residual = {};
};

plan::slot add_convolution(network_builder& network, plan::slot x, const convolution_layer& layer);

/// The same padding on all sides.
constexpr std::array<std::int64_t, 4> around(std::int64_t x) { return {x, x, x, x}; }

} // namespace vef
