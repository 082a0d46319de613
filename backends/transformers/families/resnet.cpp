// ResNet as the Hub has it (hf.md, 3.5).
#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/family.hpp>

#include <algorithm>

namespace vef {

namespace {

struct residual_block {
  std::string at = {};
  std::int64_t channels = 0, stride = 1;
  bool bottleneck = true;
  bool stride_first = false; ///< on the first 1x1 convolution, not on the 3x3
  plan::activation after = plan::activation::relu;
};

plan::slot add_block(network_builder& b, plan::slot x, const residual_block& block) {
  auto part = [&](const std::string& name, std::int64_t channels, std::int64_t size, std::int64_t stride) {
    return convolution_layer{.kernel = block.at + name + ".convolution",
                             .norm = block.at + name + ".normalization",
                             .channels = channels,
                             .size = size,
                             .stride = stride,
                             .padding = around(size / 2)};
  };
  auto shortcut = x;
  if (b[x][0] != block.channels || block.stride != 1)
    shortcut = add_convolution(b, x, part("shortcut", block.channels, 1, block.stride));
  auto add = [&](plan::slot in, convolution_layer layer, bool last) {
    layer.after = block.after;
    if (last) layer.residual = shortcut;
    return add_convolution(b, in, layer);
  };
  if (!block.bottleneck) {
    auto y = add(x, part("layer.0", block.channels, 3, block.stride), false);
    return add(y, part("layer.1", block.channels, 3, 1), true);
  }
  auto inner = std::max<std::int64_t>(block.channels / 4, 1);
  auto y = add(x, part("layer.0", inner, 1, block.stride_first ? block.stride : 1), false);
  y = add(y, part("layer.1", inner, 3, block.stride_first ? 1 : block.stride), false);
  return add(y, part("layer.2", block.channels, 1, 1), true);
}

void build(config_reader& config, network_builder& b) {
  auto sizes = config.wholes("hidden_sizes", {256, 512, 1024, 2048}, 1, 1 << 16);
  auto depths = config.wholes("depths", {3, 4, 6, 3}, 1, 1000);
  if (sizes.size() != depths.size())
    return config.refuse("'hidden_sizes' and 'depths' must be of the same length, not "
                         + std::to_string(sizes.size()) + " and " + std::to_string(depths.size()));
  auto type = config.word("layer_type", "bottleneck");
  if (type != "bottleneck" && type != "basic") return config.must_be("layer_type", "'bottleneck' or 'basic'");
  residual_block block{.bottleneck = type == "bottleneck",
                       .stride_first = config.flag("downsample_in_bottleneck", false),
                       .after = config.activation("hidden_act", plan::activation::relu)};

  b.ignore({"classifier.*", "*.num_batches_tracked"});
  b.set_prefix(b.prefix_of("embedder.embedder.convolution.weight", {"", "resnet."}));
  auto x = add_convolution(b, b.picture(),
                           {.kernel = "embedder.embedder.convolution",
                            .norm = "embedder.embedder.normalization",
                            .channels = config.whole("embedding_size", 64, 1, 1 << 16),
                            .size = 7,
                            .stride = 2,
                            .padding = around(3),
                            .after = block.after});
  x = b.add(plan::max_pool{x, {}, 3, 2, 1});
  auto first_stride = config.flag("downsample_in_first_stage", false) ? 2 : 1;
  for (std::size_t s = 0; s < sizes.size(); ++s)
    for (std::int64_t j = 0; j < depths[s]; ++j) {
      block.at = "encoder.stages." + std::to_string(s) + ".layers." + std::to_string(j) + ".";
      block.channels = sizes[s];
      block.stride = j > 0 ? 1 : s == 0 ? first_stride : 2;
      x = add_block(b, x, block);
    }
  b.output("pooler_output", b.add(plan::pool{b.as_tokens(x), {}}));
}

} // namespace

model_family resnet_family() { return {"ResNet", {"resnet"}, build}; }

} // namespace vef
