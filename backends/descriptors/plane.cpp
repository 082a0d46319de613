#include <vef/backends/descriptors/plane.hpp>

#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace vef {

namespace {

// Lightness in quarters of a level, 0 to 1020.
constexpr std::size_t lightness_levels = 1021;

std::array<float, lightness_levels> make_tones() {
  constexpr float darkest = 48; // what is much darker than this level hardly differs
  std::array<float, lightness_levels> tones{};
  for (std::size_t i = 0; i < tones.size(); ++i) tones[i] = std::log(static_cast<float>(i) / 4 + darkest);
  return tones;
}

// Halves the width: 1 3 3 1 around each pair of pixels.
void halve_row(const float* in, std::size_t width, float* out) {
  for (std::size_t x = 0; x < width / 2; ++x) {
    auto left = in[x == 0 ? 0 : 2 * x - 1], right = in[std::min(2 * x + 2, width - 1)];
    out[x] = (left + 3 * (in[2 * x] + in[2 * x + 1]) + right) / 8;
  }
}

} // namespace

float mean(const plane& x) noexcept {
  auto sum = std::accumulate(x.values.begin(), x.values.end(), 0.0);
  return static_cast<float>(sum / static_cast<double>(x.values.size()));
}

plane tone_of(const pixels& picture) {
  static const auto tones = make_tones();
  plane out{picture.width};
  const auto* rgb = picture.rgb.data();
  for (auto& value : out.values) {
    value = tones[(306u * rgb[0] + 601u * rgb[1] + 117u * rgb[2]) >> 8];
    rgb += 3;
  }
  return out;
}

plane halved(const plane& x) {
  auto small = x.side / 2;
  std::vector<float> narrow(x.side * small);
  for (std::size_t y = 0; y < x.side; ++y) halve_row(x.row(y), x.side, narrow.data() + y * small);
  plane out{small};
  for (std::size_t y = 0; y < small; ++y) {
    const auto* above = narrow.data() + (y == 0 ? 0 : 2 * y - 1) * small;
    const auto* first = narrow.data() + 2 * y * small;
    const auto* second = first + small;
    const auto* below = narrow.data() + std::min(2 * y + 2, x.side - 1) * small;
    auto* to = out.row(y);
    for (std::size_t i = 0; i < small; ++i) to[i] = (above[i] + 3 * (first[i] + second[i]) + below[i]) / 8;
  }
  return out;
}

std::vector<plane> pyramid(plane base, std::size_t smallest) {
  std::vector<plane> levels;
  levels.push_back(std::move(base));
  while (levels.back().side > smallest) levels.push_back(halved(levels.back()));
  return levels;
}

plane local_mean(const plane& x, std::size_t width) {
  plane out{x.side};
  auto side = static_cast<int>(x.side), window = static_cast<int>(width);
  const cv::Mat from(side, side, CV_32F, const_cast<float*>(x.values.data())); // only read
  cv::Mat to(side, side, CV_32F, out.values.data());
  cv::blur(from, to, {window, window}, {-1, -1}, cv::BORDER_REFLECT);
  return out;
}

} // namespace vef
