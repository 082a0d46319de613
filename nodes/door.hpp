#pragma once

#include <vef/actors/workers.hpp>
#include <vef/nodes/cluster_inner.hpp>
#include <vef/nodes/node_options.hpp>

namespace vef {

/// A node's door and what opens it: who the node is, who speaks for it, who is its root.
using closed_door_actor =
    extended<door_actor, void(start_atom, node_facts, cluster_inner_actor, supervisor_actor)>;

/// Spawns what a node publishes at its port: says which version is here and, once it knows whose door it is,
/// opens sessions. It ends with the front.
/// `readers` is where files that peers name are looked up.
closed_door_actor spawn_door(caf::actor_system& system, peer_rules rules, std::shared_ptr<executor> readers);

} // namespace vef
