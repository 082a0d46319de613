#include <vef/backends/image/prepare.hpp>
#include <vef/backends/image/resample.hpp>

#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>

namespace vef {

namespace {

pixels blank(std::size_t width, std::size_t height) {
  return {static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height),
          std::vector<std::uint8_t>(width * height * 3)};
}

// The rows `rows` of the picture, resampled across.
pixels pass_across(const pixels& picture, const axis_weights& axis, stretch rows) {
  auto out = blank(axis.first.size(), rows.size);
  const row_resampler resample{axis};
  auto wide = std::size_t{picture.width} * 3, narrow = axis.first.size() * 3;
  constexpr std::size_t together = 4; // rows share the loading of weights
  for (std::size_t y = 0; y < rows.size; y += together) {
    auto count = std::min(together, rows.size - y);
    std::array<const std::uint8_t*, together> from;
    std::array<std::uint8_t*, together> to;
    for (std::size_t i = 0; i < count; ++i) {
      from[i] = picture.rgb.data() + (rows.start + y + i) * wide;
      to[i] = out.rgb.data() + (y + i) * narrow;
    }
    auto left = picture.rgb.size() - (rows.start + y + count - 1) * wide;
    resample({from.data(), count}, {to.data(), count}, left);
  }
  return out;
}

// The columns `columns` of the picture, whose first row is row `top` of the axis, resampled down.
pixels pass_down(const pixels& picture, const axis_weights& axis, std::uint32_t top, stretch columns) {
  auto out = blank(columns.size, axis.first.size());
  auto wide = std::size_t{picture.width} * 3, narrow = std::size_t{columns.size} * 3;
  for (std::size_t y = 0; y < axis.first.size(); ++y) {
    auto from = picture.rgb.data() + (axis.first[y] - top) * wide + std::size_t{columns.start} * 3;
    sum_rows(from, wide, {axis.weights.data() + y * axis.taps, axis.count[y]}, axis.bits,
             out.rgb.data() + y * narrow, narrow);
  }
  return out;
}

pixels copy_part(const pixels& picture, stretch columns, stretch rows) {
  auto out = blank(columns.size, rows.size);
  for (std::size_t y = 0; y < rows.size; ++y) {
    auto from = picture.rgb.data() + ((rows.start + y) * picture.width + columns.start) * 3;
    std::copy_n(from, std::size_t{columns.size} * 3, out.rgb.data() + y * columns.size * 3);
  }
  return out;
}

// Pillow adds the step up in double precision, PyTorch multiplies it in single precision: what lies on the
// border of two inputs goes to one or the other.
std::vector<std::size_t> nearest_inputs(std::uint32_t from, std::uint32_t to, stretch part,
                                        arithmetic whose) {
  std::vector<std::size_t> out;
  out.reserve(part.size);
  auto step = static_cast<double>(from) / to;
  auto rough_step = static_cast<float>(from) / static_cast<float>(to);
  auto at = step * 0.5;
  for (std::uint32_t o = 0; o < part.start + part.size; ++o, at += step) {
    if (o < part.start) continue;
    auto place = whose == arithmetic::torchvision ? (static_cast<float>(o) + 0.5f) * rough_step : at;
    out.push_back(std::min(static_cast<std::size_t>(place), std::size_t{from} - 1));
  }
  return out;
}

pixels pick_nearest(const pixels& picture, std::uint32_t width, std::uint32_t height, stretch columns,
                    stretch rows, arithmetic whose) {
  auto out = blank(columns.size, rows.size);
  auto to = out.rgb.begin();
  const auto across = nearest_inputs(picture.width, width, columns, whose);
  for (auto y : nearest_inputs(picture.height, height, rows, whose))
    for (auto x : across) to = std::copy_n(picture.rgb.data() + (y * picture.width + x) * 3, 3, to);
  return out;
}

// The same axis for a picture that has lost what lies before its first input.
axis_weights from_first_input(axis_weights axis) {
  for (auto& first : axis.first) first -= axis.begin;
  axis.end -= axis.begin;
  axis.begin = 0;
  return axis;
}

int opencv_filter(interpolation filter) {
  switch (filter) {
  case interpolation::nearest:
  case interpolation::box: return cv::INTER_NEAREST;
  case interpolation::bicubic: return cv::INTER_CUBIC;
  case interpolation::lanczos: return cv::INTER_LANCZOS4;
  default: return cv::INTER_LINEAR;
  }
}

pixels resize_by_opencv(const pixels& picture, std::uint32_t width, std::uint32_t height,
                        interpolation filter) {
  auto out = blank(width, height);
  // OpenCV only reads the first, although its type cannot say so.
  const cv::Mat from(static_cast<int>(picture.height), static_cast<int>(picture.width), CV_8UC3,
                     const_cast<std::uint8_t*>(picture.rgb.data()));
  cv::Mat to(static_cast<int>(height), static_cast<int>(width), CV_8UC3, out.rgb.data());
  cv::resize(from, to, to.size(), 0, 0, opencv_filter(filter));
  return out;
}

} // namespace

bool down_first(const pixels& picture, std::uint32_t width, std::uint32_t height, arithmetic whose) {
  if (whose != arithmetic::pillow_13 || width == picture.width || height >= picture.height) return false;
  return std::int64_t{picture.height} - height > 2 * (std::int64_t{picture.width} - width);
}

pixels resize_part(const pixels& picture, std::uint32_t width, std::uint32_t height, interpolation filter,
                   stretch columns, stretch rows, arithmetic whose) {
  bool same_width = width == picture.width, same_height = height == picture.height;
  if (same_width && same_height) return copy_part(picture, columns, rows);
  if (filter == interpolation::nearest) return pick_nearest(picture, width, height, columns, rows, whose);
  if (same_height)
    return pass_across(picture, make_axis_weights(picture.width, width, filter, columns, whose), rows);
  auto down = make_axis_weights(picture.height, height, filter, rows, whose);
  if (same_width) return pass_down(picture, down, 0, columns);
  auto across = make_axis_weights(picture.width, width, filter, columns, whose);
  if (down_first(picture, width, height, whose)) {
    auto between = pass_down(picture, down, 0, {across.begin, across.end - across.begin});
    return pass_across(between, from_first_input(std::move(across)), {0, rows.size});
  }
  auto between = pass_across(picture, across, {down.begin, down.end - down.begin});
  return pass_down(between, down, down.begin, {0, columns.size});
}

pixels resize(const pixels& picture, std::uint32_t width, std::uint32_t height, interpolation filter,
              bool antialias, arithmetic whose) {
  if (width == picture.width && height == picture.height) return picture;
  if (!antialias) return resize_by_opencv(picture, width, height, filter);
  return resize_part(picture, width, height, filter, {0, width}, {0, height}, whose);
}

} // namespace vef
