#pragma once

#include <vef/actors/admission.hpp>
#include <vef/actors/pressure_gauge.hpp>
#include <vef/actors/workers.hpp>
#include <vef/messages/interfaces.hpp>

#include <filesystem>
#include <map>

namespace vef {

struct governor_options {
  /// Bytes that models may hold, per device. "host" is always there: 80 % of the machine's memory unless
  /// given. A device that shows up later gets 90 % of what it has.
  std::map<std::string, std::uint64_t> capacity = {};

  /// Share of the host's budget that is never given out, for what no model accounts for: pictures under way,
  /// holes in the heap, what libraries keep for themselves.
  double slack = 0.03;

  /// How idle models are chosen for eviction: "lru" or "cost-aware".
  std::string policy = "lru";

  residency_options residency = {};
  admission_options admission = {};
  pressure_limits pressure = {};

  /// How long an unload may take, requests under way included.
  std::chrono::milliseconds unload_timeout = std::chrono::minutes{10};

  /// Where what was learned of the models is kept over restarts; empty: nowhere.
  std::filesystem::path state_file = {};
  std::chrono::milliseconds save_interval = std::chrono::seconds{30};

  /// A governor that takes the place of one that died grants nothing for so long, while models tell it what
  /// is in memory already.
  std::chrono::milliseconds adopting = {};

  /// How many reports of models that went are kept for whoever asks.
  std::size_t reports_kept = 64;
};

/// Refuses what no governor could work with: a budget of nothing, an unknown policy, shares outside 0..1,
/// negative times.
result<void> validate(const governor_options& x);

/// Spawns the actor that decides what may be in memory (see `governor_actor`). It tells models to leave,
/// wholly or a tier down, to make room for others, when they were idle for too long, when memory is short,
/// and when somebody asks.
///
/// `files`: where the state file is read and written, away from the scheduler; none: by the actor itself.
governor_actor spawn_governor(caf::actor_system& system, governor_options options = {},
                              std::shared_ptr<executor> files = nullptr);

} // namespace vef
