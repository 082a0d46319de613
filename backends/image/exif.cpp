#include <vef/backends/image/exif.hpp>
#include <vef/backends/image/tiff.hpp>

namespace vef {

std::uint8_t exif_orientation(byte_view block) {
  constexpr std::string_view prefix{"Exif\0\0", 6};
  if (text_at(block, 0, prefix)) block = block.subspan(prefix.size());
  auto directory = tiff_directory::open(block);
  auto value = directory ? directory->number(tiff_tag::orientation) : std::nullopt;
  return value && *value >= 1 && *value <= 8 ? static_cast<std::uint8_t>(*value) : std::uint8_t{0};
}

std::uint8_t xmp_orientation(byte_view packet) {
  constexpr std::string_view name = "tiff:Orientation";
  auto text = as_text(packet);
  for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    auto rest = text.substr(at + name.size(), 3);
    if (rest.starts_with("=\""))
      rest.remove_prefix(2);
    else if (rest.starts_with(">"))
      rest.remove_prefix(1);
    else
      continue;
    if (!rest.empty() && rest[0] >= '1' && rest[0] <= '8') return static_cast<std::uint8_t>(rest[0] - '0');
  }
  return 0;
}

} // namespace vef
