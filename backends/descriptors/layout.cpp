#include <vef/backends/descriptors/layout.hpp>

#include <cmath>
#include <numbers>
#include <numeric>

namespace vef {

namespace {

constexpr float pi = std::numbers::pi_v<float>;

float length(std::span<const float> x) {
  return static_cast<float>(std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0)));
}

// The middle of the plane counts 1, its rim less. The weights add up to 1.
std::vector<float> window(std::size_t side) {
  constexpr float lost_at_rim = 0.6f;
  std::vector<float> weights(side);
  for (std::size_t x = 0; x < side; ++x) {
    auto phase = 2 * pi * (static_cast<float>(x) + 0.5f) / static_cast<float>(side);
    weights[x] = 1 - lost_at_rim * (0.5f + 0.5f * std::cos(phase));
  }
  auto sum = std::accumulate(weights.begin(), weights.end(), 0.0f);
  for (auto& weight : weights) weight /= sum;
  return weights;
}

} // namespace

cosine_layout::cosine_layout(std::size_t side, const layout_shape& shape)
    : side_(side)
    , order_(shape.order) {
  auto weights = window(side);
  for (std::size_t f = 0; f <= order_; ++f) {
    for (std::size_t x = 0; x < side; ++x) {
      auto phase = pi * static_cast<float>(f) * (static_cast<float>(x) + 0.5f) / static_cast<float>(side);
      basis_.push_back((f == 0 ? 1 : std::numbers::sqrt2_v<float>)*std::cos(phase) * weights[x]);
    }
  }
  for (std::size_t f = 0; f <= order_; ++f)
    cosine_sums_.push_back(std::accumulate(cosine(f), cosine(f) + side, 0.0f));
  for (std::size_t sum = 1; sum <= order_; ++sum) {
    for (std::size_t across = 0; across <= sum; ++across) {
      auto down = sum - across;
      auto frequency = std::hypot(static_cast<float>(across), static_cast<float>(down));
      auto damped = std::exp(-frequency * frequency / (2 * shape.reach * shape.reach));
      waves_.push_back({across, down, std::pow(frequency, shape.sharpen) * damped});
    }
  }
}

float cosine_layout::append(const plane& x, float gain, std::vector<float>& out) const {
  // The columns, summed up and projected on each cosine; then their rows.
  std::vector<float> columns((order_ + 2) * side_);
  auto* sums = columns.data() + (order_ + 1) * side_;
  for (std::size_t y = 0; y < side_; ++y) {
    const auto* row = x.row(y);
    for (std::size_t i = 0; i < side_; ++i) sums[i] += row[i];
    for (std::size_t f = 0; f <= order_; ++f) {
      auto factor = cosine(f)[y];
      auto* to = columns.data() + f * side_;
      for (std::size_t i = 0; i < side_; ++i) to[i] += factor * row[i];
    }
  }
  auto average = std::accumulate(sums, sums + side_, 0.0f) / static_cast<float>(side_ * side_);
  for (const auto& [across, down, weight] : waves_) {
    const auto* column = columns.data() + down * side_;
    auto sum = std::inner_product(column, column + side_, cosine(across), 0.0f);
    auto of_average = average * cosine_sums_[across] * cosine_sums_[down];
    out.push_back((sum - of_average) * weight * gain);
  }
  return average;
}

void append_balanced(std::span<const float> block, float weight, float floor, std::vector<float>& out) {
  auto scale = weight / std::hypot(length(block), floor);
  for (auto value : block) out.push_back(value * scale);
}

void normalise(std::span<float> x) {
  auto scale = 1 / length(x);
  for (auto& value : x) value *= scale;
}

} // namespace vef
