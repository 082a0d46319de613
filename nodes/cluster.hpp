#pragma once

#include <vef/actors/workers.hpp>
#include <vef/nodes/cluster_inner.hpp>
#include <vef/nodes/node_options.hpp>
#include <vef/nodes/stand_in.hpp>

#include <memory>
#include <optional>

namespace vef {

struct cluster_setup {
  node_facts who;                       ///< without a name: a client
  node_options options;                 ///< of these, what concerns other nodes
  std::filesystem::path certificates;   ///< empty: neither certificates nor secrecy
  supervisor_actor supervisor;          ///< of this node; empty for a client
  std::shared_ptr<executor> background; ///< where addresses are looked up
  std::shared_ptr<executor> readers;    ///< where files are read: apart, for a disk may hang
  std::uint64_t seed = 0;               ///< of the dice; 0: by chance

  // Of a client: who stands for the node that it is connected to.
  stand_in_actor<governor_actor> remote_governor = {};
  stand_in_actor<supervisor_actor> remote_supervisor = {};
};

/// Spawns what speaks for all nodes that a program knows: keeps the connections, tells the others how this
/// node does, decides where models are loaded and pictures embedded, spreads large requests, and does again
/// elsewhere what a node did not do. It begins to connect when it is told to (`start_atom`, with the door of
/// this node, or none).
///
/// A client's does the same over the nodes that it was given: each of them speaks for all in turn.
cluster_inner_actor spawn_cluster(caf::actor_system& system, cluster_setup setup);

/// Threads for `background`.
std::shared_ptr<executor> make_link_workers();

} // namespace vef
