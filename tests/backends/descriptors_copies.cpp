#include "descriptors_copies.hpp"

#include <vef/backends/image/prepare.hpp>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace vef::test {

namespace {

cv::Mat view(const pixels& x) {
  return {static_cast<int>(x.height), static_cast<int>(x.width), CV_8UC3,
          const_cast<std::uint8_t*>(x.rgb.data())};
}

pixels copied(const cv::Mat& x) {
  auto whole = x.isContinuous() ? x : x.clone();
  return {static_cast<std::uint32_t>(x.cols),
          static_cast<std::uint32_t>(x.rows),
          {whole.datastart, whole.dataend}};
}

pixels resized(const pixels& x, double longer, interpolation filter) {
  auto factor = longer / std::max(x.width, x.height);
  auto side = [&](std::uint32_t from) {
    return static_cast<std::uint32_t>(std::max(1.0, std::round(from * factor)));
  };
  return resize(x, side(x.width), side(x.height), filter);
}

pixels recompressed(const pixels& x, int quality) {
  cv::Mat bgr;
  cv::cvtColor(view(x), bgr, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> file;
  cv::imencode(".jpg", bgr, file, {cv::IMWRITE_JPEG_QUALITY, quality});
  return decode(image::encoded(shared_bytes{std::move(file)}, "copy.jpg")).value();
}

// Takes away these parts of the width and of the height.
pixels cropped(const pixels& x, double left, double top, double right, double bottom) {
  auto at = [](double part, std::uint32_t of) { return static_cast<int>(std::lround(part * of)); };
  cv::Rect rest{at(left, x.width), at(top, x.height), 0, 0};
  rest.width = at(1 - right, x.width) - rest.x;
  rest.height = at(1 - bottom, x.height) - rest.y;
  return copied(view(x)(rest).clone());
}

// Turned about its middle: with black corners.
pixels turned(const pixels& x, double degrees) {
  cv::Mat out;
  auto middle = cv::Point2f(static_cast<float>(x.width) / 2, static_cast<float>(x.height) / 2);
  cv::warpAffine(view(x), out, cv::getRotationMatrix2D(middle, degrees, 1), view(x).size(), cv::INTER_LINEAR);
  return copied(out);
}

// And without: what is left inside of them.
pixels turned_inside(const pixels& x, double degrees) {
  auto slope = std::sin(std::abs(degrees) * std::numbers::pi / 180) / 2;
  auto sides = slope * x.height / x.width + 0.002, ends = slope * x.width / x.height + 0.002;
  return cropped(turned(x, degrees), sides, ends, sides, ends);
}

pixels relit(pixels x, double gain, double offset, double gamma) {
  std::array<std::uint8_t, 256> curve{};
  for (std::size_t i = 0; i < curve.size(); ++i) {
    auto lightness = std::pow(static_cast<double>(i) / 255, gamma) * gain;
    curve[i] = cv::saturate_cast<std::uint8_t>(255 * lightness + offset);
  }
  for (auto& value : x.rgb) value = curve[value];
  return x;
}

} // namespace

std::vector<change> changes() {
  using p = const pixels&;
  auto bilinear = interpolation::bilinear, nearest = interpolation::nearest;
  return {
      {"resized", "to 128 pixels", [=](p x) { return resized(x, 128, bilinear); }},
      {"resized", "to 32 pixels", [=](p x) { return resized(x, 32, bilinear); }},
      {"resized", "to 16 pixels", [=](p x) { return resized(x, 16, bilinear); }},
      {"resized", "to 10 pixels", [=](p x) { return resized(x, 10, bilinear); }},
      {"resized", "to 8 pixels", [=](p x) { return resized(x, 8, bilinear); }},
      {"resized", "to 32 pixels, unsmoothed", [=](p x) { return resized(x, 32, nearest); }},
      {"resized", "to 24 pixels, unsmoothed", [=](p x) { return resized(x, 24, nearest); }},
      {"resized", "to 20 pixels, unsmoothed", [=](p x) { return resized(x, 20, nearest); }},
      {"recompressed", "quality 30", [](p x) { return recompressed(x, 30); }},
      {"recompressed", "quality 10", [](p x) { return recompressed(x, 10); }},
      {"recompressed", "quality 5", [](p x) { return recompressed(x, 5); }},
      {"recompressed", "quality 2", [](p x) { return recompressed(x, 2); }},
      {"recompressed", "96 pixels, quality 5",
       [=](p x) { return recompressed(resized(x, 96, bilinear), 5); }},
      {"cropped", "5 % of each side", [](p x) { return cropped(x, 0.05, 0.05, 0.05, 0.05); }},
      {"cropped", "10 % of two sides", [](p x) { return cropped(x, 0.1, 0, 0, 0.1); }},
      {"cropped", "10 % of each side", [](p x) { return cropped(x, 0.1, 0.1, 0.1, 0.1); }},
      {"rotated", "2 degrees, black corners", [](p x) { return turned(x, 2); }},
      {"rotated", "2 degrees, inside", [](p x) { return turned_inside(x, -2); }},
      {"rotated", "5 degrees, inside", [](p x) { return turned_inside(x, 5); }},
      {"brightness", "half", [](p x) { return relit(x, 0.5, 0, 1); }},
      {"brightness", "1.5 times", [](p x) { return relit(x, 1.5, 0, 1); }},
      {"brightness", "twice", [](p x) { return relit(x, 2, 0, 1); }},
      {"brightness", "60 more", [](p x) { return relit(x, 1, 60, 1); }},
      {"brightness", "60 less", [](p x) { return relit(x, 1, -60, 1); }},
      {"brightness", "gamma 0.5", [](p x) { return relit(x, 1, 0, 0.5); }},
      {"brightness", "gamma 2", [](p x) { return relit(x, 1, 0, 2); }},
  };
}

} // namespace vef::test
