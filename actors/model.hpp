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

  /// For answers of the governor, who has a limit of its own for loads that wait for room: a little more than
  /// that.
  std::chrono::milliseconds admission_timeout = std::chrono::minutes{3};

  /// How long a model leaves the governor alone that could not give it the memory for larger batches.
  std::chrono::milliseconds growth_pause = std::chrono::seconds{1};

  /// How long one piece of work may take before its thread is given up as stuck and the model made anew. The
  /// service sets the first as its `health_rules::stuck_after`; it is for up to 32 pictures, and in
  /// proportion for larger batches.
  std::chrono::milliseconds pass_limit = std::chrono::minutes{2};
  std::chrono::milliseconds load_limit = std::chrono::minutes{10}; ///< loads, moves and unloads

  /// So many vectors from a tier that is not the highest make a model ask for the next one.
  std::uint64_t climb_after = 64;

  static constexpr std::string_view type_name = "vef::model_options";
  static constexpr auto fields() {
    return std::tuple{field{"queue", &model_options::queue},
                      field{"decode", &model_options::decode},
                      field{"time_allowed", &model_options::time_allowed},
                      field{"admission_timeout", &model_options::admission_timeout},
                      field{"growth_pause", &model_options::growth_pause},
                      field{"pass_limit", &model_options::pass_limit},
                      field{"load_limit", &model_options::load_limit},
                      field{"climb_after", &model_options::climb_after}};
  }
};

struct model_setup {
  std::string service;
  model_info info;
  std::shared_ptr<backend> source;
  workers work;
  service_actor owner;
  governor_actor governor;
  model_options options;
  std::uint32_t places = 0; ///< models of the service that may be in memory; 0: any number
  idle_timeouts idle = {};  ///< of the service
};

/// What a model asks the governor for before it is loaded into a tier.
load_claim claim_of(const std::string& service, const model_info& info, tier to, std::uint32_t places,
                    const idle_timeouts& idle);

/// Spawns the actor of one model of a catalog. It stays for as long as its service does: the model comes into
/// memory with the first request and may leave and come back, and a request that arrives at any moment of
/// that waits in the same queue.
///
///     absent --request--> loading --> ready --unload--> draining --> absent
///                           |          |  ^                             |
///                         failed     moving     requests that wait: loading
///
/// A piece of work that takes longer than its limit is stuck in foreign code. Nobody can end it: its thread
/// is given up, what the model holds stays in the ledger under another name until the thread returns, and the
/// actor ends, so that its service makes a new one. On every end those who wait are told.
///
/// `moving` is the way between two tiers: down when the governor says so, up when pictures come that the
/// present tier can't embed, or so many that the next one pays.
model_actor spawn_model(caf::actor_system& system, model_setup setup);

} // namespace vef
