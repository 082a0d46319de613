#pragma once

#include <vef/messages/errors.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vef {

/// How the upright RGB picture becomes the size that a model wants, before any crop.
enum class resize_rule : std::uint8_t {
  none,          ///< leave it as it is
  exact,         ///< to width x height, whatever the aspect
  shortest_edge, ///< keep the aspect, the shorter side becomes `width`
  longest_edge,  ///< keep the aspect, fit inside width x height
};

/// Pillow's filters, under Pillow's numbers.
enum class interpolation : std::uint8_t {
  nearest = 0,
  lanczos = 1,
  bilinear = 2,
  bicubic = 3,
  box = 4,
  hamming = 5
};

enum class channel_order : std::uint8_t { rgb, bgr };

/// Whose arithmetic prepares a picture. All of them resample in two passes with 8 bits between; they differ
/// in the last bit of some pixels, which is why vectors from different programs differ a little.
enum class arithmetic : std::uint8_t {
  pillow,      ///< Pillow up to 12: across first, 22-bit weights; scale, subtract and divide one by one
  pillow_13,   ///< Pillow 13: as before, but down first where that shrinks more
  torchvision, ///< torchvision on uint8 tensors: across first, 16-bit weights; scale folded into mean and std
};

/// What a model expects of its pixels, in this order: resize, crop or pad, mirror; then, as float32 per
/// channel, (value * scale - shift - mean) / std / divisor, in `channels` order. `mean`, `std` and `divisor`
/// are listed in `channels` order too.
struct preparation {
  resize_rule resize = resize_rule::exact;
  std::uint32_t width = 224;
  std::uint32_t height = 224;
  interpolation filter = interpolation::bicubic;
  bool antialias = true; ///< widen the filter when shrinking, as Pillow does; false samples as OpenCV does

  std::uint32_t crop_width = 0; ///< centre crop, padded with zeros where the picture is smaller; 0: no crop
  std::uint32_t crop_height = 0;
  bool pad = false;                         ///< what the crop adds takes `pad_colour` instead of zero
  std::array<std::uint8_t, 3> pad_colour{}; ///< RGB
  bool mirror = false;                      ///< left and right swapped

  channel_order channels = channel_order::rgb;
  double scale = 1.0 / 255.0;
  float shift = 0; ///< EfficientNet's processor subtracts 1 before it normalises
  std::array<float, 3> mean{};
  std::array<float, 3> std{1, 1, 1};
  std::array<float, 3> divisor{1, 1, 1}; ///< and divides by std once more
  vef::arithmetic arithmetic = vef::arithmetic::pillow;

  bool operator==(const preparation&) const = default;

  static constexpr std::string_view type_name = "vef::preparation";
  static constexpr auto fields() {
    return std::tuple{field{"resize", &preparation::resize},
                      field{"width", &preparation::width},
                      field{"height", &preparation::height},
                      field{"filter", &preparation::filter},
                      field{"antialias", &preparation::antialias},
                      field{"crop_width", &preparation::crop_width},
                      field{"crop_height", &preparation::crop_height},
                      field{"pad", &preparation::pad},
                      field{"pad_colour", &preparation::pad_colour},
                      field{"mirror", &preparation::mirror},
                      field{"channels", &preparation::channels},
                      field{"scale", &preparation::scale},
                      field{"shift", &preparation::shift},
                      field{"mean", &preparation::mean},
                      field{"std", &preparation::std},
                      field{"divisor", &preparation::divisor},
                      field{"arithmetic", &preparation::arithmetic}};
  }
};

/// Width and height of what `prepare` yields; {0, 0} where it depends on the picture.
std::array<std::uint32_t, 2> prepared_size(const preparation& x);

/// The named ways to prepare a picture, which every model offers:
///   default      as the model says
///   center-crop  shortest edge to the input size, then the centre: what is at the rim is lost
///   squash       all of the picture, its aspect changed
///   pad          all of the picture, its aspect kept, on the mean colour
///   flip         the default, mirrored
const std::vector<std::string>& variant_names();

/// `x` changed for a variant. Errors: unknown_variant, with the nearest name.
result<preparation> with_variant(const preparation& x, std::string_view variant);

/// Refuses what no picture could be prepared by: sides of 0 or over 16384, a std or divisor of 0, numbers that are
/// not finite.
result<void> validate(const preparation& x);

std::string_view to_string(resize_rule x) noexcept;
std::string_view to_string(interpolation x) noexcept;
std::string_view to_string(channel_order x) noexcept;
std::string_view to_string(arithmetic x) noexcept;

} // namespace vef
