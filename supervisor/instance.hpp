#pragma once

#include <vef/supervisor/supervisor.hpp>

#include <vector>

namespace vef {

struct instance_options {
  std::shared_ptr<backend_types> types = std::make_shared<backend_types>();
  std::vector<service_spec> services =
      {}; ///< in any order; those with auto_start are started at once, after what they need
  worker_counts work = {};
  governor_options memory = {};
  monitor_options monitor = {};
  idle_timeouts idle = {}; ///< for services that say nothing
  model_options models = {};
  supervisor_options supervision = {};
  std::optional<capability_sources> capabilities = {}; ///< instead of this machine's
  std::shared_ptr<process_host> processes = {};        ///< for services with `isolation::process`
};

/// What runs in an actor system after `spawn`. The handles do not keep it alive: it ends with the supervisor.
/// A registry or governor that dies is replaced; who gets `unavailable` from a handle asks the supervisor for
/// the new one (`find_atom`).
struct instance {
  supervisor_actor supervisor;
  registry_actor registry;
  governor_actor governor;
};

/// Puts vef into an actor system: the root and what it watches. The services of the options are being started
/// when this returns. It ends when the supervisor is told `shutdown_atom`, or gets an exit message.
///
/// Before the system is made, its config needs `add_message_types(config)`.
/// Errors: those of `start_order` for the services.
result<instance> spawn(caf::actor_system& system, instance_options options);

/// The same with workers that the caller brings, as tests do.
result<instance> spawn(caf::actor_system& system, instance_options options, workers work);

} // namespace vef
