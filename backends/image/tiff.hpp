#pragma once

#include <vef/backends/image/reader.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace vef {

/// One entry of a TIFF directory whose values are unsigned integers.
struct tiff_entry {
  std::uint16_t tag = 0;
  std::uint16_t type = 0;
  std::uint64_t count = 0;
  std::uint64_t at = 0; ///< where the values lie: in the entry itself if they fit, else elsewhere in the file
};

/// The first directory of a TIFF, which is also what an EXIF block is: read without trust, for every offset
/// and count in it is a stranger's. Views the bytes, which must outlive it.
class tiff_directory {
public:
  /// Nothing where there is no TIFF header or no readable directory. A directory that ends early keeps its
  /// entries.
  static std::optional<tiff_directory> open(byte_view bytes);

  /// The number at `index` of a BYTE, SHORT, LONG or LONG8 entry.
  std::optional<std::uint64_t> number(std::uint16_t tag, std::uint64_t index = 0) const;

  /// How many numbers the entry says it has; 0 where there is none.
  std::uint64_t count(std::uint16_t tag) const;

  /// The bytes of an entry of bytes, as an XMP packet is.
  byte_view content(std::uint16_t tag) const;

  /// Writes the first number of an entry into a copy of the bytes. Without such an entry nothing happens.
  void assign(std::span<std::uint8_t> copy, std::uint16_t tag, std::uint64_t value) const;

private:
  const tiff_entry* find(std::uint16_t tag) const;

  byte_view bytes_;
  std::endian order_ = std::endian::little;
  std::vector<tiff_entry> entries_;
};

namespace tiff_tag {
inline constexpr std::uint16_t width = 256, height = 257, bits = 258, compression = 259, photometric = 262,
                               strips = 273, orientation = 274, samples = 277, rows_per_strip = 278,
                               strip_sizes = 279, planar = 284, tile_width = 322, tile_height = 323,
                               tiles = 324, tile_sizes = 325, extra_samples = 338, sample_format = 339,
                               xmp = 700;
} // namespace tiff_tag

} // namespace vef
