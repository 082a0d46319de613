#pragma once

#include <vef/backends/pixels.hpp>

#include <bitset>

namespace vef::test {

/// The perceptual hash that is in wide use: which of the 8 x 8 lowest frequencies of the picture's cosine
/// transform, taken at 32 x 32 in grey, are above their median. Pictures are compared by the number of bits
/// that differ.
std::bitset<64> perceptual_hash(const pixels& picture);

} // namespace vef::test
