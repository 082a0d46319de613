// MobileNetV2 (hf.md, 3.9), with TensorFlow's padding or without.
#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/family.hpp>

#include <algorithm>
#include <cmath>

namespace vef {

namespace {

struct scaling {
  double multiplier = 1;
  std::int64_t divisor = 8, least = 8;

  std::int64_t divisible(double x) const {
    auto whole = static_cast<std::int64_t>(x + static_cast<double>(divisor) / 2);
    auto rounded = std::max(least, whole / divisor * divisor);
    return static_cast<double>(rounded) < 0.9 * x ? rounded + divisor : rounded;
  }
  std::int64_t channels(std::int64_t x) const {
    return divisible(std::nearbyint(static_cast<double>(x) * multiplier)); // half to even
  }
};

struct settings {
  scaling scale;
  double expand = 6, epsilon = 1e-3;
  bool tensorflow_padding = true;
  plan::activation after = plan::activation::relu6;
};

// As TensorFlow pads "SAME": it depends on the size of what comes in, and the odd zero goes behind.
std::array<std::int64_t, 4> padding(const plan::shape& in, std::int64_t size, std::int64_t stride,
                                    std::int64_t dilation, bool tensorflow) {
  if (!tensorflow) return around((size - 1) / 2 * dilation);
  auto total = [&](std::int64_t n) {
    return std::max<std::int64_t>(n % stride == 0 ? size - stride : size - n % stride, 0);
  };
  auto down = total(in[1]), across = total(in[2]);
  return {down / 2 * dilation, across / 2 * dilation, (down - down / 2) * dilation,
          (across - across / 2) * dilation};
}

struct window {
  std::int64_t size = 1, stride = 1, dilation = 1;
  bool depthwise = false;
};

plan::slot add_layer(network_builder& b, plan::slot x, const std::string& at, std::int64_t channels,
                     const settings& how, plan::activation after, window w = {}) {
  return add_convolution(b, x,
                         {.kernel = at + ".convolution",
                          .norm = at + ".normalization",
                          .channels = channels,
                          .size = w.size,
                          .stride = w.stride,
                          .padding = padding(b[x], w.size, w.stride, w.dilation, how.tensorflow_padding),
                          .dilation = w.dilation,
                          .depthwise = w.depthwise,
                          .epsilon = how.epsilon,
                          .after = after});
}

plan::slot add_stem(network_builder& b, config_reader& config, const settings& how) {
  auto first = how.scale.channels(32), out = how.scale.channels(16);
  auto x = add_layer(b, b.picture(), "conv_stem.first_conv", first, how, how.after, {.size = 3, .stride = 2});
  if (!config.flag("first_layer_is_expansion", true))
    x = add_layer(b, x, "conv_stem.expand_1x1",
                  how.scale.divisible(std::nearbyint(static_cast<double>(first) * how.expand)), how,
                  how.after);
  x = add_layer(b, x, "conv_stem.conv_3x3", b[x][0], how, how.after, {.size = 3, .depthwise = true});
  return add_layer(b, x, "conv_stem.reduce_1x1", out, how, plan::activation::none);
}

plan::slot add_inverted(network_builder& b, plan::slot in, const std::string& at, std::int64_t channels,
                        window w, const settings& how) {
  auto wide = how.scale.divisible(std::nearbyint(static_cast<double>(b[in][0]) * how.expand));
  auto x = add_layer(b, in, at + "expand_1x1", wide, how, how.after);
  x = add_layer(b, x, at + "conv_3x3", wide, how, how.after, w);
  convolution_layer last{.kernel = at + "reduce_1x1.convolution",
                         .norm = at + "reduce_1x1.normalization",
                         .channels = channels,
                         .epsilon = how.epsilon};
  if (w.stride == 1 && b[in][0] == channels) last.residual = in;
  return add_convolution(b, x, last);
}

constexpr std::array<std::int64_t, 16> widths{24, 24, 32, 32, 32,  64,  64,  64,
                                              64, 96, 96, 96, 160, 160, 160, 320};
constexpr std::array<std::int64_t, 16> strides{2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1};

void build(config_reader& config, network_builder& b) {
  auto multiplier = config.number("depth_multiplier", 1, 0.01, 100);
  settings how{.scale = {multiplier, config.whole("depth_divisible_by", 8, 1, 1024),
                         config.whole("min_depth", 8, 1, 1024)},
               .expand = config.number("expand_ratio", 6, 0.01, 64),
               .epsilon = config.epsilon("layer_norm_eps", 1e-3),
               .tensorflow_padding = config.flag("tf_padding", true),
               .after = config.activation("hidden_act", plan::activation::relu6)};
  auto most = config.whole("output_stride", 32, 8, 32);
  if (most != 8 && most != 16 && most != 32) return config.must_be("output_stride", "8, 16 or 32");
  auto fine = config.flag("finegrained_output", true);

  b.ignore({"classifier.*", "segmentation_head.*", "*.num_batches_tracked"});
  b.set_prefix(b.prefix_of("conv_stem.first_conv.convolution.weight", {"", "mobilenet_v2."}));
  auto x = add_stem(b, config, how);
  std::int64_t shrunk = 2, dilation = 1; // beyond `output_stride` a stride becomes a dilation of what follows
  for (std::size_t i = 0; i < widths.size(); ++i) {
    window w{3, strides[i], dilation, true};
    if (w.stride == 2 && shrunk >= most)
      w.stride = 1, dilation *= 2;
    else
      shrunk *= w.stride;
    x = add_inverted(b, x, "layer." + std::to_string(i) + ".", how.scale.channels(widths[i]), w, how);
  }
  x = add_layer(b, x, "conv_1x1", fine && multiplier < 1 ? 1280 : how.scale.channels(1280), how, how.after);
  b.output("pooler_output", b.add(plan::pool{b.as_tokens(x), {}}));
}

} // namespace

model_family mobilenet_v2_family() { return {"MobileNetV2", {"mobilenet_v2"}, build}; }

} // namespace vef
