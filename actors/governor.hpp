#pragma once

#include <vef/actors/ledger.hpp>
#include <vef/messages/interfaces.hpp>

#include <map>

namespace vef {

struct governor_options {
  /// Bytes that models may hold, per device. "host" is always there: 80 % of the machine's memory unless
  /// given.
  std::map<std::string, std::uint64_t> capacity;

  /// How long an unload may take, requests under way included.
  std::chrono::milliseconds unload_timeout = std::chrono::minutes{10};
};

/// Spawns the actor that keeps the ledger of all memory that models hold, and through which they are
/// unloaded.
governor_actor spawn_governor(caf::actor_system& system, governor_options options = {});

} // namespace vef
