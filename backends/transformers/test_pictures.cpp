#include <vef/backends/transformers/test_pictures.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

namespace vef {

namespace {

using colour = std::array<double, 3>;                  ///< 0 to 255
using painter = std::function<colour(double, double)>; ///< of places from 0 to 1

colour mix(const colour& a, const colour& b, double share) {
  colour out;
  for (std::size_t c = 0; c < 3; ++c) out[c] = a[c] + (b[c] - a[c]) * share;
  return out;
}

colour landscape(double x, double y) {
  auto horizon = 0.55 + 0.05 * std::sin(9 * x);
  if (y < horizon) return mix({80, 140, 220}, {230, 235, 240}, y / horizon);
  return mix({90, 140, 60}, {50, 60, 20}, (y - horizon) / (1 - horizon));
}

colour stripes(double x, double y) {
  return std::sin(40 * (x + 0.4 * y)) > 0 ? colour{200, 40, 30} : colour{245, 240, 220};
}

colour discs(double x, double y) {
  colour out{30, 30, 45};
  constexpr std::array<std::array<double, 3>, 4> places{
      {{.3, .3, .2}, {.7, .35, .15}, {.45, .7, .25}, {.8, .8, .1}}};
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto away = std::hypot(x - places[i][0], y - places[i][1]) / places[i][2];
    auto part = static_cast<double>(i);
    if (away < 1) out = mix({250 - 50 * part, 200, 40 + 60 * part}, {60, 20 * part, 90}, away);
  }
  return out;
}

colour cloth(double x, double y) {
  auto weave = 0.5 + 0.25 * std::sin(120 * x) + 0.25 * std::sin(130 * y);
  return mix({60, 40, 30}, {200, 170, 130}, weave * (0.6 + 0.4 * std::sin(5 * x * y)));
}

pixels paint(std::uint32_t width, std::uint32_t height, const painter& what, std::uint32_t seed) {
  pixels out{width, height, {}};
  out.rgb.reserve(std::size_t{width} * height * 3);
  for (std::uint32_t y = 0; y < height; ++y)
    for (std::uint32_t x = 0; x < width; ++x) {
      auto [r, g, b] = what((x + 0.5) / width, (y + 0.5) / height);
      for (auto value : {r, g, b}) {
        seed = seed * 1664525 + 1013904223; // a linear congruential generator will do for grain
        auto grain = static_cast<double>(seed >> 24) / 16 - 8;
        out.rgb.push_back(static_cast<std::uint8_t>(std::clamp(value + grain, 0.0, 255.0)));
      }
    }
  return out;
}

} // namespace

std::vector<pixels> test_pictures(std::uint32_t width, std::uint32_t height) {
  std::vector<pixels> out;
  std::uint32_t seed = 1;
  for (const painter& what : {painter{landscape}, painter{stripes}, painter{discs}, painter{cloth}})
    out.push_back(paint(width, height, what, seed++));
  return out;
}

} // namespace vef
