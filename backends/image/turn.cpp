#include <vef/backends/image/turn.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace vef {

pixels turned(pixels picture, std::uint8_t orientation) {
  if (orientation < 2 || orientation > 8) return picture;
  bool swapped = orientation >= 5;
  auto width = std::ptrdiff_t{picture.width}, height = std::ptrdiff_t{picture.height};
  pixels out{picture.width, picture.height, std::vector<std::uint8_t>(picture.rgb.size())};
  if (swapped) std::swap(out.width, out.height);

  // Output pixel (x, y) is the one at start + x * across + y * down.
  bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  auto column = from_right ? std::ptrdiff_t{-3} : std::ptrdiff_t{3};
  auto row = from_bottom ? -3 * width : 3 * width;
  auto start = (from_right ? 3 * (width - 1) : 0) + (from_bottom ? 3 * width * (height - 1) : 0);
  auto across = swapped ? row : column, down = swapped ? column : row;

  // By bands of rows: where sides are swapped, each line of the cache that is fetched serves the whole band.
  constexpr std::ptrdiff_t band = 32;
  auto from = picture.rgb.data() + start;
  auto to = out.rgb.data();
  auto wide = std::ptrdiff_t{out.width}, high = std::ptrdiff_t{out.height};
  for (std::ptrdiff_t top = 0; top < high; top += band)
    for (std::ptrdiff_t x = 0; x < wide; ++x)
      for (auto y = top; y < std::min(top + band, high); ++y) {
        auto source = from + x * across + y * down;
        auto target = to + (y * wide + x) * 3;
        for (int c = 0; c < 3; ++c) target[c] = source[c];
      }
  return out;
}

} // namespace vef
