#pragma once

#include <vef/actors/governor.hpp>
#include <vef/actors/memory_monitor.hpp>
#include <vef/actors/registry.hpp>
#include <vef/actors/service.hpp>

namespace vef {

struct supervisor_setup {
  std::shared_ptr<const backend_types> types;
  workers work;
  registry_actor registry;
  governor_actor governor;
  monitor_actor monitor; ///< empty: nobody looks at the machine's memory
  std::shared_ptr<device_sources> devices;
  model_options models;
  idle_timeouts idle = {};
};

/// Spawns the root of a node: it makes services in the order of their needs, watches them, and stops them in
/// reverse order. It ends the registry, the governor and the monitor with itself.
supervisor_actor spawn_supervisor(caf::actor_system& system, supervisor_setup setup);

} // namespace vef
