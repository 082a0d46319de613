#pragma once

#include <vef/actors/workers.hpp>
#include <vef/messages/interfaces.hpp>
#include <vef/nodes/session_books.hpp>

#include <memory>

namespace vef {

/// What a peer is given instead of the node's own actors. A gate counts what comes in, refuses what the peer
/// may not do, hands on the rest, and ends with the session; nothing of the node is reached without one.
struct session_gates {
  cluster_actor front;
  governor_actor governor;
  supervisor_actor supervisor;
};

/// Spawns the gates of a session. Handles of services that are asked for at the front have gates of their
/// own, which end with it. Files that a request names are looked up by `readers`.
session_gates spawn_gates(caf::actor_system& system, std::shared_ptr<session_books> books,
                          std::shared_ptr<executor> readers, cluster_actor front,
                          supervisor_actor supervisor);

} // namespace vef
