// TIFF by OpenCV, which means libtiff. What libtiff reads is checked first: it fills what is missing with
// whatever it has and says nothing, and OpenCV reserves memory by the numbers of the file. What OpenCV does
// on its own account, turning and multiplying by alpha, is prevented by changing the tags in a copy.
#include <vef/backends/image/codecs.hpp>
#include <vef/backends/image/tiff.hpp>

#include <algorithm>

namespace vef {

namespace {

using namespace tiff_tag;

constexpr std::uint64_t uncompressed = 1, black_is_zero = 1, rgb = 2, separated = 5;
constexpr std::uint64_t associated_alpha = 1, unassociated_alpha = 2;

struct tiff_facts {
  const tiff_directory& directory;
  std::uint64_t operator()(std::uint16_t tag, std::uint64_t otherwise) const {
    return directory.number(tag).value_or(otherwise);
  }
};

// Empty if OpenCV's reader does justice to the samples.
std::string_view unsupported_because(const tiff_facts& of) {
  auto depth = of(bits, 1), per_pixel = of(samples, 1), colours = of(photometric, black_is_zero);
  if (depth != 1 && depth != 8 && depth != 16) return "its samples are not of 1, 8 or 16 bits";
  if (of(sample_format, 1) != 1) return "its samples are not unsigned integers";
  if (per_pixel < 1 || per_pixel > 5) return "it has more than five samples a pixel";
  if (depth == 16 && colours != black_is_zero && colours != rgb)
    return "its 16-bit samples are neither grey nor RGB";
  if (per_pixel == 5 && colours != separated) return "it has five samples a pixel";
  return {};
}

enum class extent { whole, cut_off, outside };

// Whether the strips or tiles lie inside the content. Where the first one does not, the place is no place at
// all.
extent extent_of(const tiff_directory& directory, byte_view content) {
  bool tiled = directory.count(tiles) > 0;
  auto places = tiled ? tiles : strips, sizes = tiled ? tile_sizes : strip_sizes;
  auto count = directory.count(places);
  if (std::max(count, directory.count(sizes)) > content.size()) return extent::outside;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto at = directory.number(places, i);
    auto size = directory.count(sizes) ? directory.number(sizes, i) : std::optional<std::uint64_t>{0};
    if (!at || !size || *at >= content.size()) return i == 0 ? extent::outside : extent::cut_off;
    if (*size > content.size() - *at) return extent::cut_off;
  }
  return count > 0 ? extent::whole : extent::outside;
}

bool asks_for_too_much(const tiff_facts& of, const picture_header& header) {
  constexpr std::uint64_t largest_tile = 1024; // beyond the picture: small pictures have large tiles
  return of(tile_width, 0) > header.width + largest_tile || of(tile_height, 0) > header.height + largest_tile;
}

std::vector<std::uint8_t> tamed(byte_view content, const tiff_directory& directory,
                                const picture_header& header) {
  std::vector<std::uint8_t> copy(content.begin(), content.end());
  directory.assign(copy, orientation, 1);
  if (directory.number(rows_per_strip).value_or(0) > header.height)
    directory.assign(copy, rows_per_strip, header.height);
  // libtiff leaves colours alone that it believes to be multiplied already.
  if (directory.number(extra_samples) == unassociated_alpha)
    directory.assign(copy, extra_samples, associated_alpha);
  return copy;
}

} // namespace

result<pixels> decode_tiff(byte_view content, const picture_header& header, std::string_view name) {
  auto directory = tiff_directory::open(content);
  if (!directory) return cannot_decode(errc::corrupt_image, name, "it has no directory");
  tiff_facts of{*directory};
  if (of(samples, 1) > 0xffff || !directory->number(photometric))
    return cannot_decode(errc::corrupt_image, name, "its directory makes no sense");
  if (auto why = unsupported_because(of); !why.empty())
    return cannot_decode(errc::unsupported_image, name, why);
  auto found = extent_of(*directory, content);
  if (found == extent::outside)
    return cannot_decode(errc::corrupt_image, name, "its pixels lie outside of it");
  if (asks_for_too_much(of, header))
    return cannot_decode(errc::corrupt_image, name, "its tiles are far larger than the picture");
  auto needed = std::uint64_t{header.width} * header.height * of(samples, 1) * of(bits, 1) / 8;
  bool short_of_data = of(compression, uncompressed) == uncompressed && of(photometric, rgb) <= separated
                       && needed > content.size();
  if (short_of_data || found == extent::cut_off)
    return cannot_decode(errc::truncated_image, name, "it ends before its last pixels");
  return decode_with_opencv(tamed(content, *directory, header), header, name,
                            directory->number(extra_samples) == associated_alpha);
}

} // namespace vef
