#include <vef/backends/guard.hpp>
#include <vef/backends/image/prepare.hpp>
#include <vef/backends/image/resample.hpp>

#include <algorithm>

namespace vef {

namespace {

struct size {
  std::uint64_t width;
  std::uint64_t height;
};

size target_size(const pixels& picture, const preparation& x) {
  std::uint64_t w = picture.width, h = picture.height;
  switch (x.resize) {
  case resize_rule::none: break;
  case resize_rule::exact: return {x.width, x.height};
  case resize_rule::shortest_edge:
    if (w <= h) return {x.width, x.width * h / w};
    return {x.width * w / h, x.width};
  case resize_rule::longest_edge: {
    auto rounded = [](std::uint64_t a, std::uint64_t b) {
      return std::max<std::uint64_t>((2 * a + b) / (2 * b), 1);
    };
    if (w * x.height >= h * x.width) return {x.width, rounded(h * x.width, w)};
    return {rounded(w * x.height, h), x.height};
  }
  }
  return {w, h};
}

// What a centre crop does along one axis: the part of the picture that is kept, and where it lies in the
// result.
struct crop {
  stretch kept;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

crop centre(std::uint32_t have, std::uint32_t want, arithmetic whose) {
  if (want == 0) return {{0, have}, 0, have};
  if (have >= want) return {{(have - want) / 2, want}, 0, want};
  auto rest = want - have;
  return {{0, have}, whose == arithmetic::torchvision ? rest / 2 : (rest + 1) / 2, want};
}

pixels on_canvas(const pixels& picture, const crop& across, const crop& down, const preparation& x) {
  pixels out{across.size, down.size, std::vector<std::uint8_t>(std::size_t{across.size} * down.size * 3)};
  if (x.pad)
    for (std::size_t i = 0; i < out.rgb.size(); ++i) out.rgb[i] = x.pad_colour[i % 3];
  for (std::size_t y = 0; y < picture.height; ++y)
    std::copy_n(picture.rgb.data() + y * picture.width * 3, std::size_t{picture.width} * 3,
                out.rgb.data() + ((down.offset + y) * out.width + across.offset) * 3);
  return out;
}

void mirror(pixels& picture) {
  for (std::size_t y = 0; y < picture.height; ++y) {
    auto left = picture.rgb.data() + y * picture.width * 3;
    for (auto right = left + (std::size_t{picture.width} - 1) * 3; left < right; left += 3, right -= 3)
      std::swap_ranges(left, left + 3, right);
  }
}

// Only what the crop keeps is resampled; without antialiasing, where OpenCV resizes, all of it.
pixels resized_part(pixels picture, const preparation& x, std::uint32_t width, std::uint32_t height,
                    stretch columns, stretch rows) {
  bool whole = columns.size == width && rows.size == height;
  if (width == picture.width && height == picture.height && whole) return picture;
  if (x.antialias) return resize_part(picture, width, height, x.filter, columns, rows, x.arithmetic);
  auto all = resize(picture, width, height, x.filter, false);
  return whole ? all : resize_part(all, width, height, x.filter, columns, rows);
}

// Whether the picture is too large that is made, or the one between the two passes. A picture of 1 x 100,000
// has a huge one between resize and crop: that costs nothing, because only the cropped part is made.
bool costs_too_much(const pixels& picture, const preparation& x, size target) {
  if (std::max(target.width, target.height) > INT32_MAX) return true;
  auto width =
      x.antialias && x.crop_width ? std::min<std::uint64_t>(x.crop_width, target.width) : target.width;
  auto height =
      x.antialias && x.crop_height ? std::min<std::uint64_t>(x.crop_height, target.height) : target.height;
  if (down_first(picture, static_cast<std::uint32_t>(target.width), static_cast<std::uint32_t>(target.height),
                 x.arithmetic))
    return width * height > decode_limits{}.max_pixels; // what is between is no larger than the picture
  constexpr std::uint64_t overlap = 8; // what the widest filter reaches out at both ends, and more
  auto between =
      std::min<std::uint64_t>(picture.height, (height + overlap) * picture.height / target.height + overlap);
  return width * std::max(height, between) > decode_limits{}.max_pixels;
}

std::string by(std::uint64_t width, std::uint64_t height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

result<pixels> fit_unguarded(pixels picture, const preparation& x) {
  auto given = "a picture of " + by(picture.width, picture.height) + " pixels";
  if (picture.rgb.empty() || std::uint64_t{picture.width} * picture.height * 3 != picture.rgb.size())
    return fail(errc::corrupt_image,
                "cannot resize " + given + ": it has " + std::to_string(picture.rgb.size()) + " bytes");
  auto target = target_size(picture, x);
  if (costs_too_much(picture, x, target))
    return fail(errc::image_too_large,
                "cannot resize " + given + " to " + by(target.width, target.height) + ": that is too large");
  auto width = static_cast<std::uint32_t>(target.width), height = static_cast<std::uint32_t>(target.height);
  auto across = centre(width, x.crop_width, x.arithmetic);
  auto down = centre(height, x.crop_height, x.arithmetic);
  auto out = resized_part(std::move(picture), x, width, height, across.kept, down.kept);
  if (out.width != across.size || out.height != down.size) out = on_canvas(out, across, down, x);
  if (x.mirror) mirror(out);
  return out;
}

} // namespace

result<pixels> fit(pixels picture, const preparation& x) {
  return guarded(errc::internal, "cannot resize a picture",
                 [&]() -> result<pixels> { return fit_unguarded(std::move(picture), x); });
}

result<pixels> prepare(const image& source, const preparation& x, const decode_limits& limits) {
  auto decoded = decode(source, limits);
  if (!decoded) return decoded;
  return fit(std::move(*decoded), x);
}

} // namespace vef
