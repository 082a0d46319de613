#include <vef/backends/image/prepare.hpp>

#include <array>
#include <stdexcept>

namespace vef {

namespace {

// A sample has 256 values: what becomes of each is computed once, exactly as the reference computes it.
using table = std::array<float, 256>;

std::array<table, 3> make_tables(const preparation& x) {
  std::array<table, 3> out;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t v = 0; v < 256; ++v) {
      auto scaled = static_cast<float>(static_cast<double>(v) * x.scale);
      out[c][v] = (scaled - x.mean[c]) / x.std[c];
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
