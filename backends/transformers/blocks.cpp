#include <vef/backends/transformers/blocks.hpp>

namespace vef {

using plan::slot;

plan::attention take_attention(network_builder& network, slot x, const transformer_layer& layer) {
  auto width = network[x].back();
  auto take = [&](const std::string& name) {
    return network.take_projection(name, width, width, layer.projection_bias);
  };
  return {.in = x,
          .out = {},
          .query = take(layer.query),
          .key = take(layer.key),
          .value = take(layer.value),
          .heads = layer.heads};
}

namespace {

// A linear layer that adds to what came before, scaled where the family does that.
slot add_back(network_builder& network, slot in, const std::string& name, const std::string& scale,
              slot onto) {
  auto width = network[onto].back();
  auto weights = network.take_projection(name, width, network[in].back());
  plan::linear step{.in = in, .out = {}, .matrix = weights.matrix, .bias = weights.bias};
  if (!scale.empty()) step.scale = network.take(scale, {width});
  step.residual = onto;
  return network.add(step, width);
}

} // namespace

slot add_attention(network_builder& network, slot x, const transformer_layer& layer) {
  auto normed = network.layer_norm(x, layer.norm1, layer.epsilon);
  auto heads = network.add(take_attention(network, normed, layer));
  return add_back(network, heads, layer.out, layer.scale1, x);
}

slot add_mlp(network_builder& network, slot x, const transformer_layer& layer) {
  auto normed = network.layer_norm(x, layer.norm2, layer.epsilon);
  auto inner = network.linear(normed, layer.up, layer.inner, layer.after);
  return add_back(network, inner, layer.down, layer.scale2, x);
}

slot add_layer(network_builder& network, slot x, const transformer_layer& layer) {
  return add_mlp(network, add_attention(network, x, layer), layer);
}

slot add_patches(network_builder& network, slot in, const std::string& name, std::int64_t width,
                 std::array<std::int64_t, 2> patch, bool bias) {
  if (patch[0] != patch[1])
    network.refuse(errc::unsupported_model, "patches of " + std::to_string(patch[1]) + " x "
                                                + std::to_string(patch[0]) + " pixels, which are no squares");
  plan::convolution step{.in = in,
                         .out = {},
                         .kernel =
                             network.take(name + ".weight", {width, network[in][0], patch[0], patch[1]}),
                         .stride = patch[0]};
  if (bias) step.bias = network.take(name + ".bias", {width});
  return network.add(step, width, patch);
}

slot add_convolution(network_builder& network, slot x, const convolution_layer& layer) {
  auto in = network[x][0];
  auto groups = layer.depthwise ? in : 1;
  auto part = [&](const char* name) { return network.take(layer.norm + name, {layer.channels}); };
  plan::convolution step{
      .in = x,
      .out = {},
      .kernel = network.take(layer.kernel + ".weight", {layer.channels, in / groups, layer.size, layer.size}),
      .norm = plan::batch_norm{part(".weight"), part(".bias"), part(".running_mean"), part(".running_var"),
                               layer.epsilon},
      .stride = layer.stride,
      .padding = layer.padding,
      .dilation = layer.dilation,
      .groups = groups,
      .after = layer.after,
      .residual = layer.residual};
  return network.add(step, layer.channels, {layer.size, layer.size});
}

} // namespace vef
