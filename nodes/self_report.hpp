#pragma once

#include <vef/messages/cluster.hpp>

namespace vef {

/// What a node tells the others of itself, from what its supervisor says of it. Whole, with the number 0: who
/// sends it gives it one.
node_report self_report(const node_status& now, const node_facts& who);

/// What a load of a catalog's model needs on each device, before anything was measured: that of the lowest
/// tier that serves.
std::vector<device_bytes> catalog_needs(const model_info& x);

/// Whether pictures can be embedded with it now, without a load.
bool is_in_memory(const model_presence& x) noexcept;

} // namespace vef
