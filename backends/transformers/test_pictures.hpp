#pragma once

#include <vef/backends/pixels.hpp>

#include <vector>

namespace vef {

/// Four pictures of that size to compare networks with: a sky over a field, stripes, discs and cloth, each
/// with a little noise. The same ones everywhere and always.
std::vector<pixels> test_pictures(std::uint32_t width, std::uint32_t height);

} // namespace vef
