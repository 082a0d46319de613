#pragma once

#include <vef/backends/types.hpp>

namespace vef {

/// The kinds of backends that come with vef: `descriptors`, and `torch` where it was built in.
std::shared_ptr<backend_types> builtin_backends();

} // namespace vef
