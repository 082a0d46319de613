#include <vef/backends/descriptors/hog.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace vef {

namespace {

constexpr float contrast_floor = 0.05f; // gradients of tone below this are noise rather than edges
constexpr float block_floor = 0.2f;     // a scale with faint edges counts less
constexpr float strength_gain = 0.7f;   // of how much edge there is, whatever its orientation
constexpr std::array<float, 3> harmonic_gains{1.0f, 1.0f, 0.7f}; // of the double, fourfold and sixfold angle
constexpr float mean_gain = 0.5f; // of the orientations of the whole, next to where they are

// For each pixel how strong the gradient is, and the cosine and sine of twice its angle: an edge and its
// negative are one.
struct gradients {
  plane strength, cosine, sine;

  explicit gradients(const plane& tone)
      : strength(tone.side)
      , cosine(tone.side)
      , sine(tone.side) {
    auto last = tone.side - 1;
    for (std::size_t y = 0; y <= last; ++y) {
      const auto *row = tone.row(y), *above = tone.row(y == 0 ? 0 : y - 1),
                 *below = tone.row(std::min(y + 1, last));
      take(0, y, row[1] - row[0], below[0] - above[0]);
      for (std::size_t x = 1; x < last; ++x) take(x, y, row[x + 1] - row[x - 1], below[x] - above[x]);
      take(last, y, row[last] - row[last - 1], below[last] - above[last]);
    }
  }

  void take(std::size_t x, std::size_t y, float across, float down) noexcept {
    auto square = across * across + down * down;
    auto scale = 1 / (square + 1e-9f);
    strength.row(y)[x] = std::sqrt(square);
    cosine.row(y)[x] = (across * across - down * down) * scale;
    sine.row(y)[x] = 2 * across * down * scale;
  }
};

// Strength relative to the neighbourhood, so that faint texture counts as bold texture does; then compressed,
// so that a single strong edge does not outvote the rest.
void equalise(plane& strength) {
  auto usual = local_mean(strength, strength.side / 4 + 1);
  for (std::size_t i = 0; i < strength.values.size(); ++i) {
    auto relative = strength.values[i] / (usual.values[i] + contrast_floor);
    auto compressed = std::sqrt(relative * std::sqrt(relative));
    strength.values[i] = compressed / (1 + compressed / 4);
  }
}

// Goes on from the harmonic (c, s) to the next: adds the angle of (cosine, sine).
void turn(plane& c, plane& s, const gradients& by) {
  for (std::size_t i = 0; i < c.values.size(); ++i) {
    auto turned = c.values[i] * by.cosine.values[i] - s.values[i] * by.sine.values[i];
    s.values[i] = c.values[i] * by.sine.values[i] + s.values[i] * by.cosine.values[i];
    c.values[i] = turned;
  }
}

} // namespace

hog_bank::hog_bank(std::size_t side, const layout_shape& shape)
    : side_(side)
    , layout_(side, shape) {}

void hog_bank::append(const plane& tone, float weight, std::vector<float>& out) const {
  gradients edges{tone};
  equalise(edges.strength);
  std::vector<float> block;
  layout_.append(edges.strength, strength_gain, block);
  auto c = edges.strength;
  plane s{tone.side};
  for (auto gain : harmonic_gains) {
    turn(c, s, edges);
    for (const auto* x : {&c, &s}) {
      auto average = layout_.append(*x, gain, block);
      block.push_back(average * gain * mean_gain);
    }
  }
  append_balanced(block, weight, block_floor, out);
}

} // namespace vef
