#pragma once

#include <vef/backends/types.hpp>

namespace vef {

/// Registers the backend `descriptors`: vectors from classical image descriptors, for near-duplicate and
/// look-alike search. Needs no weights and no network.
void add_descriptors_backend(backend_types& types);

} // namespace vef
