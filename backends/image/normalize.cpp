#include <vef/backends/image/prepare.hpp>

#include <array>
#include <stdexcept>

namespace vef {

namespace {

// A sample has 256 values: what becomes of each is computed once, exactly as the reference computes it.
using table = std::array<float, 256>;

// What is subtracted and divided by after the rescaling of one channel.
struct tail {
  float shift, mean, std, divisor;

  float operator()(float scaled) const { return (scaled - shift - mean) / std / divisor; }
};

// Rounded on its own: no compiler may fuse it with a sum.
float product(float a, float b) { return static_cast<float>(static_cast<double>(a) * b); }

// torchvision's processors fold the scale into mean and std, unless there is nothing to normalise by or the
// shift is in between.
bool folds_scale(const preparation& x) {
  bool normalises = x.mean != std::array<float, 3>{0, 0, 0} || x.std != std::array<float, 3>{1, 1, 1};
  return x.arithmetic == arithmetic::torchvision && normalises && x.shift == 0;
}

float rescaled(std::size_t value, const preparation& x) {
  if (folds_scale(x)) return static_cast<float>(value);
  if (x.arithmetic == arithmetic::torchvision)
    return product(static_cast<float>(value), static_cast<float>(x.scale));
  return static_cast<float>(static_cast<double>(value) * x.scale);
}

std::array<table, 3> make_tables(const preparation& x) {
  auto unit = folds_scale(x) ? static_cast<float>(1.0 / x.scale) : 1.0f;
  std::array<table, 3> out;
  for (std::size_t c = 0; c < 3; ++c) {
    const tail finish{x.shift, product(x.mean[c], unit), product(x.std[c], unit), x.divisor[c]};
    for (std::size_t v = 0; v < 256; ++v) out[c][v] = finish(rescaled(v, x));
  }
  return out;
}

struct channel {
  const table* values;
  std::size_t source; // 0 red, 1 green, 2 blue
};

void write_planes(const pixels& picture, const std::array<channel, 3>& channels, float* out) {
  auto count = std::size_t{picture.width} * picture.height;
  auto from = picture.rgb.data();
  auto [a, b, c] = channels;
  for (std::size_t i = 0; i < count; ++i, from += 3) {
    out[i] = (*a.values)[from[a.source]];
    out[count + i] = (*b.values)[from[b.source]];
    out[2 * count + i] = (*c.values)[from[c.source]];
  }
}

void write_interleaved(const pixels& picture, const std::array<channel, 3>& channels, float* out) {
  auto count = std::size_t{picture.width} * picture.height;
  auto from = picture.rgb.data();
  for (std::size_t i = 0; i < count; ++i, from += 3)
    for (const auto& [values, source] : channels) *out++ = (*values)[from[source]];
}

} // namespace

void normalize_into(std::span<const pixels> images, const preparation& x, tensor_layout layout,
                    std::span<float> out) {
  if (images.empty()) return;
  auto size = images.front().rgb.size();
  for (const auto& image : images)
    if (image.width != images.front().width || image.height != images.front().height
        || image.rgb.size() != size)
      throw std::invalid_argument("vef::normalize_into: pictures of different sizes");
  if (out.size() != images.size() * size)
    throw std::invalid_argument("vef::normalize_into: not the space for these pictures");

  const auto tables = make_tables(x);
  bool swapped = x.channels == channel_order::bgr;
  const std::array<channel, 3> channels{
      {{&tables[0], swapped ? 2u : 0u}, {&tables[1], 1u}, {&tables[2], swapped ? 0u : 2u}}};
  auto write = layout == tensor_layout::nchw ? write_planes : write_interleaved;
  for (std::size_t i = 0; i < images.size(); ++i) write(images[i], channels, out.data() + i * size);
}

} // namespace vef
