#pragma once

#include <vef/actors/governor.hpp>
#include <vef/actors/registry.hpp>
#include <vef/actors/service.hpp>

namespace vef {

struct supervisor_setup {
  std::shared_ptr<const backend_types> types;
  workers work;
  registry_actor registry;
  governor_actor governor;
  model_options models;
};

/// Spawns the root of a node: it makes services in the order of their needs, watches them, and stops them in
/// reverse order. It ends the registry and the governor with itself.
supervisor_actor spawn_supervisor(caf::actor_system& system, supervisor_setup setup);

} // namespace vef
