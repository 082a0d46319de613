#pragma once

#include <vef/backends/pixels.hpp>

namespace vef {

/// The picture upright, given its EXIF orientation: 2 mirror, 3 rotate by 180 degrees, 4 flip, 5 transpose, 6
/// rotate by 90 clockwise, 7 transverse, 8 rotate by 270. Any other number leaves it as it is.
pixels turned(pixels picture, std::uint8_t orientation);

} // namespace vef
