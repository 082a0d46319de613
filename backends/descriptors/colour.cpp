#include <vef/backends/descriptors/colour.hpp>

#include <opencv2/imgproc.hpp>

#include <array>
#include <cmath>
#include <complex>

namespace vef {

namespace {

constexpr std::size_t side = 32; // colour is described at this size
constexpr float layout_floor = 5;
constexpr float palette_floor = 0.1f;
constexpr float mean_gain = 0.7f; // of the colour of the whole, next to where its colours are

struct chroma {
  plane a{side}, b{side};
};

chroma chroma_of(const pixels& picture) {
  auto rows = static_cast<int>(picture.height), columns = static_cast<int>(picture.width);
  const cv::Mat rgb(rows, columns, CV_8UC3, const_cast<std::uint8_t*>(picture.rgb.data())); // only read
  cv::Mat small, lab;
  cv::resize(rgb, small, {static_cast<int>(side), static_cast<int>(side)}, 0, 0, cv::INTER_AREA);
  small.convertTo(small, CV_32F, 1 / 255.0);
  cv::cvtColor(small, lab, cv::COLOR_RGB2Lab);
  chroma out;
  const auto* from = lab.ptr<float>();
  for (std::size_t i = 0; i < side * side; ++i, from += 3) {
    auto scale = 50 / (from[0] + 16);
    out.a.values[i] = from[1] * scale;
    out.b.values[i] = from[2] * scale;
  }
  return out;
}

// The pictures of the world taken together: colours are distributed around grey like a Gaussian of this
// deviation. Its coefficients are subtracted, so that what remains is what is special about a picture.
constexpr float usual_deviation = 10;

constexpr float base_frequency = 0.06f; // radians per unit of chroma
constexpr std::array<std::array<int, 2>, 8> frequencies{
    {{1, 0}, {0, 1}, {1, 1}, {1, -1}, {2, 0}, {0, 2}, {2, 2}, {2, -2}}}; // multiples of it, along a and b

std::vector<float> palette_of(const chroma& x) {
  using complex = std::complex<float>;
  std::array<complex, frequencies.size()> sums{};
  for (std::size_t i = 0; i < side * side; ++i) {
    auto a = std::polar(1.0f, base_frequency * x.a.values[i]),
         b = std::polar(1.0f, base_frequency * x.b.values[i]);
    auto ab = a * b, a_less_b = a * std::conj(b);
    std::array waves{a, b, ab, a_less_b, a * a, b * b, ab * ab, a_less_b * a_less_b};
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += waves[k];
  }
  std::vector<float> out;
  for (std::size_t k = 0; k < sums.size(); ++k) {
    auto spread = base_frequency * usual_deviation
                  * std::hypot(static_cast<float>(frequencies[k][0]), static_cast<float>(frequencies[k][1]));
    auto coefficient = sums[k] / static_cast<float>(side * side);
    out.push_back(coefficient.real() - std::exp(-spread * spread / 2));
    out.push_back(coefficient.imag());
  }
  return out;
}

} // namespace

colour_bank::colour_bank(const layout_shape& shape)
    : layout_(side, shape) {}

void colour_bank::append(const pixels& picture, float layout_weight, float palette_weight,
                         std::vector<float>& out) const {
  auto colours = chroma_of(picture);
  std::vector<float> block;
  for (const auto* x : {&colours.a, &colours.b}) block.push_back(mean_gain * layout_.append(*x, 1, block));
  append_balanced(block, layout_weight, layout_floor, out);
  append_balanced(palette_of(colours), palette_weight, palette_floor, out);
}

} // namespace vef
