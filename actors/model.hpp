#pragma once

#include <vef/actors/batch_queue.hpp>
#include <vef/actors/workers.hpp>
#include <vef/backends/image/decode.hpp>
#include <vef/messages/interfaces.hpp>

namespace vef {

/// What every model of a node is run with.
struct model_options {
  queue_limits queue;
  decode_limits decode;

  /// For a request that brings no time of its own: nothing waits for ever.
  std::chrono::milliseconds time_allowed = std::chrono::minutes{10};

  /// For answers of the service and the governor before a load; another model may have to be unloaded first.
  std::chrono::milliseconds admission_timeout = std::chrono::minutes{2};
};

/// What a model asks its service before it loads, and tells it afterwards. Inside a process only.
using slot_keeper_actor =
    extended<service_actor,
             // May this model be in memory now? Answers when there is a place among `max_loaded_models`.
             void(reserve_atom, std::string),
             // The model is out of memory.
             void(release_atom, std::string)>;

struct model_setup {
  std::string service;
  model_info info;
  std::shared_ptr<backend> source;
  workers work;
  slot_keeper_actor owner;
  governor_actor governor;
  model_options options;
};

/// Spawns the actor of one model of a catalog. It stays for as long as its service does: the model comes into
/// memory with the first request and may leave and come back, and a request that arrives at any moment of
/// that waits in the same queue.
///
///     absent --request--> loading --> ready --unload--> draining --> absent
///                           |                                          |
///                         failed                 requests that wait: loading
model_actor spawn_model(caf::actor_system& system, model_setup setup);

} // namespace vef
