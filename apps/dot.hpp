#pragma once

#include <array>
#include <cstddef>

namespace vef {

/// Sum of a[i] * b[i], with the widest registers that this processor has.
float dot(const float* a, const float* b, std::size_t n);

/// The dot products of four vectors with one, which is read once.
std::array<float, 4> dot4(const std::array<const float*, 4>& a, const float* b, std::size_t n);

} // namespace vef
