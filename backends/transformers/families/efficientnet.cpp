// EfficientNet (hf.md, 3.8).
#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/family.hpp>

#include <algorithm>
#include <cmath>

namespace vef {

namespace {

/// Widths and depths of the larger models are those of the smallest, scaled and rounded.
struct scaling {
  double width = 2.0, depth = 3.1;
  std::int64_t divisor = 8;

  std::int64_t channels(std::int64_t x) const {
    auto exact = static_cast<double>(x) * width;
    auto half = static_cast<double>(divisor) / 2;
    auto rounded = std::max(divisor, static_cast<std::int64_t>(exact + half) / divisor * divisor);
    return static_cast<double>(rounded) < 0.9 * exact ? rounded + divisor : rounded;
  }
  std::int64_t repeats(std::int64_t x) const {
    return static_cast<std::int64_t>(std::ceil(depth * static_cast<double>(x)));
  }
};

struct inverted_block {
  std::string at = {};
  std::int64_t out = 0, size = 3, stride = 1, expand = 1;
  double squeeze = 0.25;
  bool padded_around = false; ///< although the stride is 2
  bool residual = false;
  double epsilon = 1e-3;
  plan::activation after = plan::activation::silu;
};

plan::slot add_squeeze(network_builder& b, plan::slot x, const inverted_block& block, std::int64_t block_in) {
  auto channels = b[x][0];
  auto inner =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(block_in) * block.squeeze));
  auto take = [&](const std::string& name, std::int64_t out, std::int64_t in) {
    return plan::projection{b.take(name + ".weight", {out, in, 1, 1}), b.take(name + ".bias", {out})};
  };
  return b.add(plan::squeeze_excite{x,
                                    {},
                                    take(block.at + "squeeze_excite.reduce", inner, channels),
                                    take(block.at + "squeeze_excite.expand", channels, inner),
                                    block.after});
}

plan::slot add_block(network_builder& b, plan::slot in, const inverted_block& block) {
  auto channels = b[in][0], wide = channels * block.expand;
  auto x = in;
  convolution_layer layer{.epsilon = block.epsilon, .after = block.after};
  if (block.expand != 1) {
    layer.kernel = block.at + "expansion.expand_conv", layer.norm = block.at + "expansion.expand_bn";
    layer.channels = wide;
    x = add_convolution(b, x, layer);
  }
  layer.kernel = block.at + "depthwise_conv.depthwise_conv",
  layer.norm = block.at + "depthwise_conv.depthwise_norm";
  layer.channels = wide, layer.size = block.size, layer.stride = block.stride, layer.depthwise = true;
  auto half = block.size / 2;
  auto around_all = block.stride == 1 || block.padded_around;
  layer.padding = around_all ? around(half) : std::array{half - 1, half - 1, half, half};
  x = add_squeeze(b, add_convolution(b, x, layer), block, channels);

  convolution_layer last{.kernel = block.at + "projection.project_conv",
                         .norm = block.at + "projection.project_bn",
                         .channels = block.out,
                         .epsilon = block.epsilon};
  if (block.residual) last.residual = in;
  return add_convolution(b, x, last);
}

struct stages {
  std::vector<std::int64_t> sizes, in, out, strides, repeats, expand, padded;
};

stages read_stages(config_reader& config) {
  stages x{config.wholes("kernel_sizes", {3, 3, 5, 3, 5, 5, 3}, 1, 63),
           config.wholes("in_channels", {32, 16, 24, 40, 80, 112, 192}, 1, 1 << 14),
           config.wholes("out_channels", {16, 24, 40, 80, 112, 192, 320}, 1, 1 << 14),
           config.wholes("strides", {1, 2, 2, 2, 1, 2, 1}, 1, 2),
           config.wholes("num_block_repeats", {1, 2, 2, 3, 3, 4, 1}, 1, 100),
           config.wholes("expand_ratios", {1, 6, 6, 6, 6, 6, 6}, 1, 64),
           {}};
  for (const auto* list : {&x.sizes, &x.out, &x.strides, &x.repeats, &x.expand})
    if (list->size() != x.in.size())
      config.refuse("'kernel_sizes', 'in_channels', 'out_channels', 'strides', 'num_block_repeats' and "
                    "'expand_ratios' must be of the same length");
  if (auto listed = config.all().find("depthwise_padding");
      listed && listed->kind() == "a list" && !std::get<document::array>(listed->value).empty())
    x.padded = config.wholes("depthwise_padding", {0}, 0, 10000);
  return x;
}

void add_stages(network_builder& b, plan::slot& x, const stages& all, const scaling& scale,
                inverted_block block) {
  std::int64_t number = 0;
  for (std::size_t s = 0; s < all.in.size(); ++s)
    for (std::int64_t j = 0; j < scale.repeats(all.repeats[s]); ++j, ++number) {
      block.at = "encoder.blocks." + std::to_string(number) + ".";
      block.out = scale.channels(all.out[s]);
      block.size = all.sizes[s], block.expand = all.expand[s];
      block.stride = j == 0 ? all.strides[s] : 1;
      block.padded_around = std::ranges::find(all.padded, number) != all.padded.end();
      block.residual = j > 0;
      x = add_block(b, x, block);
    }
}

void build(config_reader& config, network_builder& b) {
  scaling scale{config.number("width_coefficient", 2.0, 0.01, 100),
                config.number("depth_coefficient", 3.1, 0.01, 10), config.whole("depth_divisor", 8, 1, 1024)};
  auto all = read_stages(config);
  if (config.problem()) return;
  inverted_block block{.squeeze = config.number("squeeze_expansion_ratio", 0.25, 0, 1),
                       .epsilon = config.epsilon("batch_norm_eps", 1e-3),
                       .after = config.activation("hidden_act", plan::activation::silu)};
  auto pooling = config.word("pooling_type", "mean");
  if (pooling != "mean" && pooling != "max") return config.must_be("pooling_type", "'mean' or 'max'");

  b.ignore({"classifier.*", "*.num_batches_tracked"});
  b.set_prefix(b.prefix_of("embeddings.convolution.weight", {"", "efficientnet."}));
  auto x = add_convolution(b, b.picture(),
                           {.kernel = "embeddings.convolution",
                            .norm = "embeddings.batchnorm",
                            .channels = scale.channels(32),
                            .size = 3,
                            .stride = 2,
                            .padding = {0, 0, 1, 1},
                            .epsilon = block.epsilon,
                            .after = block.after});
  add_stages(b, x, all, scale, block);
  x = add_convolution(b, x,
                      {.kernel = "encoder.top_conv",
                       .norm = "encoder.top_bn",
                       .channels = config.width("hidden_dim", 2560),
                       .epsilon = block.epsilon,
                       .after = block.after});
  auto how = pooling == "mean" ? plan::pooling::mean : plan::pooling::largest;
  b.output("pooler_output", b.add(plan::pool{.in = b.as_tokens(x), .out = {}, .how = how}));
}

} // namespace

model_family efficientnet_family() { return {"EfficientNet", {"efficientnet"}, build}; }

} // namespace vef
