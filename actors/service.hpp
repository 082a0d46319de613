#pragma once

#include <vef/actors/model.hpp>

namespace vef {

struct service_setup {
  service_spec spec;
  std::shared_ptr<backend> source;
  std::vector<model_info> catalog; ///< what `source` offers, asked away from the scheduler
  workers work;
  governor_actor governor;
  model_options models;
  idle_timeouts idle = {};            ///< of the node, for a spec that says nothing
  model_listener_actor listener = {}; ///< hears which of its models come into memory and go
};

/// Refuses a catalog that no service could offer: empty or duplicate ids, vectors of length 0, an impossible
/// preparation or ladder of tiers.
result<void> validate(const std::vector<model_info>& catalog);

/// Spawns the actor of one service. A model's actor that dies is made anew with the next request, or at once
/// where the spec wants models back warm; one that dies more often than `restart_rules` allow takes the
/// service with it, which is its supervisor's matter then. It owns the backend and one actor for each model
/// that was asked for so far. What may be in memory at once, `max_loaded_models` included, is decided by the
/// governor.
service_actor spawn_service(caf::actor_system& system, service_setup setup);

} // namespace vef
