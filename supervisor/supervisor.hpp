#pragma once

#include <vef/actors/governor.hpp>
#include <vef/actors/memory_monitor.hpp>
#include <vef/actors/registry.hpp>
#include <vef/actors/service.hpp>
#include <vef/supervisor/capabilities.hpp>
#include <vef/supervisor/process_host.hpp>

namespace vef {

/// How a node is supervised.
struct supervisor_options {
  /// How long a service may take to start.
  std::chrono::milliseconds start_limit = std::chrono::minutes{5};

  /// Threads that may be stuck in foreign code before the node is unhealthy: each has taken a core, and what
  /// it holds, for good.
  std::uint32_t most_stuck = 4;

  /// When the registry, the governor and the memory monitor are started again after a death.
  restart_rules restart = {};

  /// Of the pauses before restarts, for whoever wants the same ones again; 0: by chance.
  std::uint64_t seed = 0;
};

struct supervisor_setup {
  std::shared_ptr<const backend_types> types;
  workers work;
  registry_actor registry; ///< the first ones; the supervisor makes their successors
  governor_actor governor;
  governor_options memory = {};
  monitor_options monitor = {}; ///< an interval of 0: nobody looks at the machine's memory
  model_options models = {};
  idle_timeouts idle = {};
  supervisor_options options = {};
  capability_sources capabilities = {};
  std::shared_ptr<process_host> processes = {}; ///< empty: no service can have a process of its own
};

/// Spawns the root of a node. It makes services in the order of
/// their needs, watches their health, starts those again that die or are stuck, and stops them in reverse
/// order. What it watches ends with it.
supervisor_actor spawn_supervisor(caf::actor_system& system, supervisor_setup setup);

} // namespace vef
