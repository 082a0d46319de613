#pragma once

#include <vef/backends/image/prepare.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

/// How Pillow and torchvision resample (hf.md, 5.3 and 5.4), stated as plainly as can be, whatever it costs.
namespace vef::test {

inline double sinc(double t) { return t == 0 ? 1 : std::sin(std::numbers::pi * t) / (std::numbers::pi * t); }

inline double weight(interpolation filter, double t) {
  auto a = std::abs(t);
  switch (filter) {
  case interpolation::lanczos: return a < 3 ? sinc(a) * sinc(a / 3) : 0;
  case interpolation::bicubic:
    return a < 1 ? 1.5 * a * a * a - 2.5 * a * a + 1 : a < 2 ? -0.5 * a * a * a + 2.5 * a * a - 4 * a + 2 : 0;
  case interpolation::box: return t > -0.5 && t <= 0.5 ? 1 : 0;
  case interpolation::hamming: return a < 1 ? sinc(a) * (0.54 + 0.46 * std::cos(std::numbers::pi * a)) : 0;
  default: return std::max(1 - a, 0.0);
  }
}

inline double support(interpolation filter) {
  constexpr double by_number[] = {0, 3, 1, 2, 0.5, 1};
  return by_number[static_cast<std::size_t>(filter)];
}

struct taps {
  int first = 0;
  std::vector<double> weights = {};
};

inline std::vector<taps> taps_of(int from, int to, interpolation filter) {
  std::vector<taps> out;
  auto scale = static_cast<double>(from) / to, wide = std::max(scale, 1.0), reach = support(filter) * wide;
  for (int o = 0; o < to; ++o) {
    auto centre = (o + 0.5) * scale;
    taps x{std::max(static_cast<int>(centre - reach + 0.5), 0)};
    double sum = 0;
    for (int i = x.first; i < std::min(static_cast<int>(centre + reach + 0.5), from); ++i) {
      x.weights.push_back(weight(filter, (i - centre + 0.5) / wide));
      sum += x.weights.back();
    }
    for (auto& w : x.weights) w /= sum;
    out.push_back(x);
  }
  return out;
}

inline int bits_of(const std::vector<taps>& axis, arithmetic whose) {
  if (whose != arithmetic::torchvision) return 22;
  double largest = 0;
  for (const auto& x : axis)
    for (auto w : x.weights) largest = std::max(largest, w);
  int bits = 0;
  while (bits < 22 && std::floor(largest * std::exp2(bits + 1) + 0.5) < 32768) ++bits;
  return bits;
}

inline pixels across_by_the_rules(const pixels& picture, std::uint32_t width, interpolation filter,
                                  arithmetic whose) {
  auto axis = taps_of(static_cast<int>(picture.width), static_cast<int>(width), filter);
  auto bits = bits_of(axis, whose);
  pixels out{width, picture.height, {}};
  for (std::size_t y = 0; y < picture.height; ++y)
    for (const auto& x : axis)
      for (std::size_t c = 0; c < 3; ++c) {
        std::int64_t sum = std::int64_t{1} << (bits - 1);
        for (std::size_t i = 0; i < x.weights.size(); ++i) {
          auto fixed = static_cast<std::int64_t>(std::round(x.weights[i] * std::exp2(bits)));
          sum += fixed * picture.rgb[(y * picture.width + static_cast<std::size_t>(x.first) + i) * 3 + c];
        }
        out.rgb.push_back(static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> bits, 0, 255)));
      }
  return out;
}

inline pixels transposed(const pixels& x) {
  pixels out{x.height, x.width, {}};
  for (std::size_t column = 0; column < x.width; ++column)
    for (std::size_t row = 0; row < x.height; ++row)
      for (std::size_t c = 0; c < 3; ++c) out.rgb.push_back(x.rgb[(row * x.width + column) * 3 + c]);
  return out;
}

inline pixels down_by_the_rules(const pixels& picture, std::uint32_t height, interpolation filter,
                                arithmetic whose) {
  return transposed(across_by_the_rules(transposed(picture), height, filter, whose));
}

inline bool turns_the_order(const pixels& picture, std::uint32_t width, std::uint32_t height) {
  auto narrower = static_cast<int>(picture.width) - static_cast<int>(width);
  auto lower = static_cast<int>(picture.height) - static_cast<int>(height);
  return narrower != 0 && lower > 0 && lower > 2 * narrower;
}

inline pixels resized_by_the_rules(pixels x, std::uint32_t width, std::uint32_t height, interpolation filter,
                                   arithmetic whose) {
  bool down_first = whose == arithmetic::pillow_13 && turns_the_order(x, width, height);
  if (down_first) x = down_by_the_rules(x, height, filter, whose);
  if (x.width != width) x = across_by_the_rules(x, width, filter, whose);
  if (x.height != height) x = down_by_the_rules(x, height, filter, whose);
  return x;
}

} // namespace vef::test
