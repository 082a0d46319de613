#pragma once

#include <vef/backends/transformers/plan.hpp>

namespace vef {

/// Bytes that a pass over one picture holds at most at once, with elements of `element` bytes: the
/// intermediate results that are alive at each step, and what the step itself needs.
std::uint64_t working_bytes(const network_plan& x, std::size_t element);

/// Elements of all weights together, each tensor of the checkpoint once.
std::uint64_t weight_elements(const network_plan& x);

} // namespace vef
