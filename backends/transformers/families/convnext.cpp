// ConvNeXt and ConvNeXt V2 (hf.md, 3.6). Channels lie together, so a layer works on pixels as on tokens.
#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/family.hpp>

namespace vef {

namespace {

constexpr double inner_epsilon = 1e-6; // of every norm but the last, whatever the config says

struct block_kind {
  plan::activation after = plan::activation::gelu;
  bool response_norm = false;
  bool layer_scale = false;
};

plan::slot biased_convolution(network_builder& b, plan::slot x, const std::string& name,
                              std::int64_t channels, std::int64_t size, std::int64_t stride) {
  return b.add(plan::convolution{.in = x,
                                 .out = {},
                                 .kernel = b.take(name + ".weight", {channels, b[x][0], size, size}),
                                 .bias = b.take(name + ".bias", {channels}),
                                 .stride = stride},
               channels, {size, size});
}

plan::slot depthwise_convolution(network_builder& b, plan::slot x, const std::string& name) {
  auto channels = b[x][0];
  return b.add(plan::convolution{.in = x,
                                 .out = {},
                                 .kernel = b.take(name + ".weight", {channels, 1, 7, 7}),
                                 .bias = b.take(name + ".bias", {channels}),
                                 .padding = around(3),
                                 .groups = channels},
               channels, {7, 7});
}

plan::slot norm_of_pixels(network_builder& b, plan::slot x, const std::string& name) {
  const auto shape = b[x];
  return b.as_map(b.layer_norm(b.as_tokens(x), name, inner_epsilon), shape[1], shape[2]);
}

plan::slot add_block(network_builder& b, plan::slot x, const std::string& at, const block_kind& kind) {
  const auto shape = b[x];
  auto channels = shape[0];
  auto y = b.as_tokens(depthwise_convolution(b, x, at + "dwconv"));
  y = b.layer_norm(y, at + "layernorm", inner_epsilon);
  y = b.linear(y, at + "pwconv1", 4 * channels, kind.after);
  if (kind.response_norm) {
    plan::shape stored{1, 1, 1, 4 * channels}, flat{4 * channels};
    y = b.add(plan::response_norm{y,
                                  {},
                                  b.take_part(at + "grn.weight", stored, flat, 0),
                                  b.take_part(at + "grn.bias", stored, flat, 0)});
  }
  auto down = b.take_projection(at + "pwconv2", channels, 4 * channels);
  plan::linear back{.in = y, .out = {}, .matrix = down.matrix, .bias = down.bias};
  if (kind.layer_scale) back.scale = b.take(at + "layer_scale_parameter", {channels});
  back.residual = b.as_tokens(x);
  return b.as_map(b.add(back, channels), shape[1], shape[2]);
}

void build(config_reader& config, network_builder& b) {
  auto second = config.word("model_type", {}) == "convnextv2";
  auto sizes = config.wholes("hidden_sizes", {96, 192, 384, 768}, 1, 1 << 16);
  auto depths = config.wholes("depths", {3, 3, 9, 3}, 1, 1000);
  if (sizes.size() != depths.size())
    return config.refuse("'hidden_sizes' and 'depths' must be of the same length, not "
                         + std::to_string(sizes.size()) + " and " + std::to_string(depths.size()));
  block_kind kind{config.activation("hidden_act", plan::activation::gelu), second,
                  !second && config.number("layer_scale_init_value", 1e-6, -1e6, 1e6) > 0};
  auto patch = config.whole("patch_size", 4, 1, 1024);

  b.ignore({"classifier.*"});
  b.set_prefix(b.prefix_of("embeddings.patch_embeddings.weight", {"", second ? "convnextv2." : "convnext."}));
  auto x = biased_convolution(b, b.picture(), "embeddings.patch_embeddings", sizes[0], patch, patch);
  x = norm_of_pixels(b, x, "embeddings.layernorm");
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    auto at = "encoder.stages." + std::to_string(s) + ".";
    if (s > 0) {
      x = norm_of_pixels(b, x, at + "downsampling_layer.0");
      x = biased_convolution(b, x, at + "downsampling_layer.1", sizes[s], 2, 2);
    }
    for (std::int64_t j = 0; j < depths[s]; ++j)
      x = add_block(b, x, at + "layers." + std::to_string(j) + ".", kind);
  }
  auto mean = b.add(plan::pool{b.as_tokens(x), {}});
  b.output("pooler_output", b.layer_norm(mean, "layernorm", config.epsilon("layer_norm_eps", 1e-12)));
}

} // namespace

model_family convnext_family() { return {"ConvNeXt", {"convnext", "convnextv2"}, build}; }

} // namespace vef
