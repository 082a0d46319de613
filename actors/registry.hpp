#pragma once

#include <vef/backends/types.hpp>
#include <vef/messages/interfaces.hpp>

#include <memory>

namespace vef {

/// Spawns the front door of a node: it knows the kinds of backends, the services and their models, and hands
/// each request to the service that should have it.
registry_actor spawn_registry(caf::actor_system& system, std::shared_ptr<const backend_types> types);

} // namespace vef
