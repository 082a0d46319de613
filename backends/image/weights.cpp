#include <vef/backends/image/resample.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
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

// The weights of the outputs of an axis before they are rounded, one output after the other. Every operation
// is Pillow's or torchvision's, in its order: another rounding of a double would move a weight.
class exact_axis {
public:
  exact_axis(std::uint32_t from, std::uint32_t to, interpolation filter, arithmetic whose)
      : kernel_(kernel_of(filter))
      , whose_(whose)
      , from_(from)
      , scale_(static_cast<double>(from) / to)
      , widened_(std::max(scale_, 1.0))
      , support_(kernel_.support * widened_)
      , weights_(static_cast<std::size_t>(std::ceil(support_)) * 2 + 1) {}

  std::size_t most() const { return weights_.size(); }
  std::uint32_t first() const { return first_; }

  /// Of output `o`, from its input `first()` on. Valid until the next call.
  std::span<const double> at(std::uint32_t o) {
    auto centre = (o + 0.5) * scale_;
    auto low = std::max(static_cast<std::int64_t>(centre - support_ + 0.5), std::int64_t{0});
    auto high = std::min(static_cast<std::int64_t>(centre + support_ + 0.5), std::int64_t{from_});
    auto count = static_cast<std::size_t>(high - low);
    auto step = 1.0 / widened_;
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      weights_[i] =
          kernel_.at((static_cast<double>(low + static_cast<std::int64_t>(i)) - centre + 0.5) * step);
      sum += weights_[i];
    }
    for (std::size_t i = 0; sum != 0 && i < count; ++i)
      weights_[i] = whose_ == arithmetic::torchvision ? weights_[i] / sum : weights_[i] * (1.0 / sum);
    first_ = static_cast<std::uint32_t>(low);
    return {weights_.data(), count};
  }

private:
  kernel kernel_;
  arithmetic whose_;
  std::uint32_t from_;
  double scale_, widened_, support_;
  std::vector<double> weights_;
  std::uint32_t first_ = 0;
};

std::int32_t fixed_point(double weight, int bits) {
  return static_cast<std::int32_t>(weight * (1 << bits) + (weight < 0 ? -0.5 : 0.5));
}

// As many bits behind the point as leave the largest weight of the axis within 16. No filter has a weight of
// 2, so that at least 14 always do, and nothing can change once a weight leaves no more than that: which is
// so at the first output wherever a picture grows.
int bits_of_torchvision(exact_axis& axis, std::uint32_t to) {
  constexpr int least = 14, most = 22;
  int bits = most;
  for (std::uint32_t o = 0; o < to && bits > least; ++o)
    for (auto weight : axis.at(o))
      while (bits > least && weight > 0 && fixed_point(weight, bits) > INT16_MAX) --bits;
  return bits;
}

} // namespace

axis_weights make_axis_weights(std::uint32_t from, std::uint32_t to, interpolation filter, stretch part,
                               arithmetic whose) {
  exact_axis axis{from, to, filter, whose};
  axis_weights out;
  out.bits = whose == arithmetic::torchvision ? bits_of_torchvision(axis, to) : 22;
  out.taps = static_cast<std::uint32_t>((axis.most() + 3) / 4 * 4);
  out.begin = from;
  out.first.resize(part.size);
  out.count.resize(part.size);
  out.weights.resize(std::size_t{part.size} * out.taps);
  for (std::uint32_t o = 0; o < part.size; ++o) {
    auto exact = axis.at(part.start + o);
    std::ranges::transform(exact,
                           out.weights.begin() + static_cast<std::ptrdiff_t>(std::size_t{o} * out.taps),
                           [&](double weight) { return fixed_point(weight, out.bits); });
    out.first[o] = axis.first();
    out.count[o] = static_cast<std::uint32_t>(exact.size());
    out.begin = std::min(out.begin, out.first[o]);
    out.end = std::max(out.end, out.first[o] + out.count[o]);
  }
  return out;
}

} // namespace vef
