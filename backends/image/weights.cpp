#include <vef/backends/image/resample.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace vef {

namespace {

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

double triangle(double x) { return std::max(1 - std::abs(x), 0.0); }

double hamming(double x) {
  x = std::abs(x);
  if (x == 0) return 1;
  if (x >= 1) return 0;
  x *= std::numbers::pi;
  return std::sin(x) / x * (0.54 + 0.46 * std::cos(x));
}

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

struct kernel {
  double (*at)(double);
  double support;
};

kernel kernel_of(interpolation filter) {
  switch (filter) {
  case interpolation::lanczos: return {lanczos, 3};
  case interpolation::bicubic: return {cubic, 2};
  case interpolation::box: return {box, 0.5};
  case interpolation::hamming: return {hamming, 1};
  default: return {triangle, 1};
  }
}

std::int32_t fixed_point(double weight) {
  return static_cast<std::int32_t>(weight * (1 << weight_bits) + (weight < 0 ? -0.5 : 0.5));
}

} // namespace

// Every operation is Pillow's, in its order: another rounding of a double would move a weight.
axis_weights make_axis_weights(std::uint32_t from, std::uint32_t to, interpolation filter, stretch part) {
  auto kernel = kernel_of(filter);
  auto scale = static_cast<double>(from) / to;
  auto widened = std::max(scale, 1.0);
  auto support = kernel.support * widened;
  auto step = 1.0 / widened;

  axis_weights out;
  out.taps = (static_cast<std::uint32_t>(std::ceil(support)) * 2 + 1 + 3) / 4 * 4;
  out.begin = from;
  out.first.resize(part.size);
  out.count.resize(part.size);
  out.weights.resize(std::size_t{part.size} * out.taps);
  std::vector<double> exact(out.taps);
  for (std::uint32_t o = 0; o < part.size; ++o) {
    auto centre = (part.start + o + 0.5) * scale;
    auto low = std::max(static_cast<std::int64_t>(centre - support + 0.5), std::int64_t{0});
    auto high = std::min(static_cast<std::int64_t>(centre + support + 0.5), std::int64_t{from});
    auto count = static_cast<std::uint32_t>(high - low);
    double sum = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      exact[i] = kernel.at((static_cast<double>(i + low) - centre + 0.5) * step);
      sum += exact[i];
    }
    auto weights = out.weights.data() + std::size_t{o} * out.taps;
    for (std::uint32_t i = 0; i < count; ++i)
      weights[i] = fixed_point(sum != 0 ? exact[i] * (1.0 / sum) : exact[i]);
    out.first[o] = static_cast<std::uint32_t>(low);
    out.count[o] = count;
    out.begin = std::min(out.begin, out.first[o]);
    out.end = std::max(out.end, static_cast<std::uint32_t>(high));
  }
  return out;
}

} // namespace vef
