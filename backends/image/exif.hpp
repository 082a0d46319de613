#pragma once

#include <vef/backends/image/reader.hpp>

namespace vef {

/// The orientation, 1 to 8, that an EXIF block tells; 0 where it tells none. The block starts with a TIFF
/// header, or with "Exif" and two zeros before it, as some writers leave them in PNG and WebP.
std::uint8_t exif_orientation(byte_view block);

/// The same from an XMP packet, which Pillow asks where EXIF is silent: `tiff:Orientation="6"` or
/// `<tiff:Orientation>6<`.
std::uint8_t xmp_orientation(byte_view packet);

} // namespace vef
