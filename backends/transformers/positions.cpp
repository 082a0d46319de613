#include <vef/backends/transformers/positions.hpp>

#include <algorithm>
#include <cmath>

namespace vef {

namespace {

// The taps of one output along one axis: inputs from `first` on, or any inputs where edges are clamped.
struct taps {
  std::vector<std::int64_t> inputs;
  std::vector<float> weights;
};

double keys_cubic(double x, double a) {
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

taps plain(std::int64_t out, std::int64_t from, std::int64_t to) {
  auto at = (static_cast<float>(out) + 0.5f) * (static_cast<float>(from) / static_cast<float>(to)) - 0.5f;
  auto base = std::floor(at);
  auto t = at - base;
  taps x;
  for (int i = -1; i <= 2; ++i) {
    x.inputs.push_back(std::clamp(static_cast<std::int64_t>(base) + i, std::int64_t{0}, from - 1));
    x.weights.push_back(static_cast<float>(keys_cubic(static_cast<double>(t) - i, -0.75)));
  }
  return x;
}

taps antialiased(std::int64_t out, std::int64_t from, std::int64_t to) {
  auto scale = static_cast<double>(from) / static_cast<double>(to);
  auto stretch = std::max(scale, 1.0), support = 2 * stretch;
  auto centre = (static_cast<double>(out) + 0.5) * scale;
  auto first = std::max(static_cast<std::int64_t>(centre - support + 0.5), std::int64_t{0});
  auto end = std::min(static_cast<std::int64_t>(centre + support + 0.5), from);
  taps x;
  std::vector<double> weights;
  double sum = 0;
  for (auto i = first; i < end; ++i) {
    weights.push_back(keys_cubic((static_cast<double>(i) - centre + 0.5) / stretch, -0.5));
    sum += weights.back();
    x.inputs.push_back(i);
  }
  for (auto weight : weights) x.weights.push_back(static_cast<float>(weight / sum));
  return x;
}

std::vector<taps> axis(std::int64_t from, std::int64_t to, position_filter filter) {
  std::vector<taps> out;
  for (std::int64_t o = 0; o < to; ++o)
    out.push_back(filter == position_filter::bicubic ? plain(o, from, to) : antialiased(o, from, to));
  return out;
}

void add_row(float* out, const float* in, float weight, std::int64_t channels) {
  for (std::int64_t c = 0; c < channels; ++c) out[c] += weight * in[c];
}

} // namespace

std::vector<float> resize_positions(const float* grid, std::array<std::int64_t, 2> from,
                                    std::array<std::int64_t, 2> to, std::int64_t channels,
                                    position_filter filter) {
  auto [height, width] = to;
  const auto down = axis(from[0], height, filter), across = axis(from[1], width, filter);
  std::vector<float> between(static_cast<std::size_t>(from[0] * width * channels));
  for (std::int64_t y = 0; y < from[0]; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (std::size_t k = 0; k < across[x].inputs.size(); ++k)
        add_row(between.data() + (y * width + x) * channels,
                grid + (y * from[1] + across[x].inputs[k]) * channels, across[x].weights[k], channels);
  std::vector<float> out(static_cast<std::size_t>(height * width * channels));
  for (std::int64_t y = 0; y < height; ++y)
    for (std::size_t k = 0; k < down[y].inputs.size(); ++k)
      add_row(out.data() + y * width * channels, between.data() + down[y].inputs[k] * width * channels,
              down[y].weights[k], width * channels);
  return out;
}

positions take_positions(network_builder& network, const position_table& x) {
  auto channels = x.stored.back();
  auto patches = x.stored[x.stored.size() - 2] - x.front;
  auto side = static_cast<std::int64_t>(std::sqrt(static_cast<double>(patches)));
  const auto& wanted = network.options();
  std::array target{wanted.height / x.patch, wanted.width / x.patch};

  positions out;
  if (x.front > 0) out.front = network.take_part(x.name, x.stored, {x.front, channels}, 0);
  // As the reference has it: a grid of the native number of patches is resized too, unless it is square.
  if (target[0] * target[1] == patches && wanted.height == wanted.width) {
    out.patches = network.take_part(x.name, x.stored, {patches, channels}, x.front * channels);
    return out;
  }
  auto by = [](std::int64_t height, std::int64_t width) {
    return std::to_string(width) + " x " + std::to_string(height);
  };
  if (target[0] < 1 || target[1] < 1)
    network.refuse(errc::invalid_config, "pictures of " + by(wanted.height, wanted.width)
                                             + " are smaller than a patch of " + by(x.patch, x.patch)
                                             + " pixels");
  else if (!x.always && !wanted.interpolate)
    network.refuse(errc::invalid_config,
                   "pictures are prepared to " + by(wanted.height, wanted.width) + ", but 'image_size' is "
                       + by(x.native[0], x.native[1])
                       + ": to have the positions interpolated, name that size with the setting 'size'");
  std::array from{side, side};
  auto skipped = x.front * channels;
  auto filter = x.filter;
  out.patches = network.take_derived(
      x.name, x.stored, {target[0] * target[1], channels}, [=](const std::vector<float>& all) {
        return resize_positions(all.data() + skipped, from, target, channels, filter);
      });
  return out;
}

} // namespace vef
