#include <vef/messages/preparation.hpp>

#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <cmath>

namespace vef {

std::array<std::uint32_t, 2> prepared_size(const preparation& x) {
  if (x.crop_width > 0) return {x.crop_width, x.crop_height};
  if (x.resize == resize_rule::exact) return {x.width, x.height};
  return {0, 0};
}

const std::vector<std::string>& variant_names() {
  static const std::vector<std::string> names{"default", "center-crop", "squash", "pad", "flip"};
  return names;
}

namespace {

// The colour whose normalised value is nearest to zero: the mean, as a picture's RGB.
std::array<std::uint8_t, 3> mean_colour(const preparation& x) {
  std::array<std::uint8_t, 3> rgb{};
  for (std::size_t c = 0; c < 3; ++c) {
    auto level = std::clamp((static_cast<double>(x.mean[c]) + x.shift) / x.scale, 0.0, 255.0);
    rgb[x.channels == channel_order::rgb ? c : 2 - c] = static_cast<std::uint8_t>(std::lround(level));
  }
  return rgb;
}

} // namespace

result<preparation> with_variant(const preparation& x, std::string_view variant) {
  if (variant.empty() || variant == "default") return x;
  auto y = x;
  if (variant == "flip") {
    y.mirror = !x.mirror;
    return y;
  }
  auto [width, height] = prepared_size(x);
  auto known = std::ranges::find(variant_names(), variant) != variant_names().end();
  if (!known) return fail(errc::unknown_variant, unknown("variant", variant, variant_names()));
  if (width == 0)
    return fail(errc::unknown_variant,
                "variant " + quoted(variant) + " needs a model with a fixed input size");
  y.width = width;
  y.height = height;
  y.crop_width = y.crop_height = 0;
  y.pad = false;
  if (variant == "squash") {
    y.resize = resize_rule::exact;
  } else if (variant == "pad") {
    y.resize = resize_rule::longest_edge;
    y.crop_width = width, y.crop_height = height;
    y.pad = true;
    y.pad_colour = mean_colour(x);
  } else { // center-crop: the short side must cover the longer side of the input, so that nothing is padded
    y.resize = resize_rule::shortest_edge;
    y.width = y.height = std::max(width, height);
    y.crop_width = width, y.crop_height = height;
  }
  return y;
}

result<void> validate(const preparation& x) {
  constexpr std::uint32_t limit = 16384;
  auto bad = [](const char* what) { return fail(errc::invalid_config, std::string{"preparation: "} + what); };
  if (x.resize != resize_rule::none && (x.width == 0 || x.height == 0))
    return bad("the size to resize to is 0");
  if (x.width > limit || x.height > limit || x.crop_width > limit || x.crop_height > limit)
    return bad("a side is over 16384 pixels");
  if ((x.crop_width == 0) != (x.crop_height == 0)) return bad("only one side of the crop is given");
  if (!std::isfinite(x.scale) || x.scale == 0) return bad("scale must be a number other than 0");
  if (!std::isfinite(x.shift)) return bad("shift must be a finite number");
  for (std::size_t c = 0; c < 3; ++c) {
    if (!std::isfinite(x.divisor[c]) || x.divisor[c] == 0)
      return bad("divisor must be finite numbers other than 0");
    if (!std::isfinite(x.mean[c])) return bad("mean must be finite numbers");
    if (!std::isfinite(x.std[c]) || x.std[c] == 0) return bad("std must be finite numbers other than 0");
  }
  return {};
}

std::string_view to_string(resize_rule x) noexcept {
  switch (x) {
  case resize_rule::none: return "none";
  case resize_rule::exact: return "exact";
  case resize_rule::shortest_edge: return "shortest_edge";
  case resize_rule::longest_edge: return "longest_edge";
  }
  return "unknown";
}

std::string_view to_string(interpolation x) noexcept {
  switch (x) {
  case interpolation::nearest: return "nearest";
  case interpolation::lanczos: return "lanczos";
  case interpolation::bilinear: return "bilinear";
  case interpolation::bicubic: return "bicubic";
  case interpolation::box: return "box";
  case interpolation::hamming: return "hamming";
  }
  return "unknown";
}

std::string_view to_string(channel_order x) noexcept { return x == channel_order::rgb ? "rgb" : "bgr"; }

std::string_view to_string(arithmetic x) noexcept {
  switch (x) {
  case arithmetic::pillow: return "pillow";
  case arithmetic::pillow_13: return "pillow-13";
  case arithmetic::torchvision: return "torchvision";
  }
  return "unknown";
}

} // namespace vef
