#pragma once

#include <vef/messages/interfaces.hpp>

namespace vef {

/// The number of a link: one connection that is kept up.
using link_id = std::uint64_t;

/// What the actors that deal with other nodes tell the one that speaks for all of them.
using cluster_inner_actor =
    extended<cluster_actor,
             // Connect to others from now on. The door is this node's; a client has none.
             void(start_atom, door_actor),
             // Answers when a link is up, or when each has failed twice, or for good, with the last reason.
             void(settle_atom),
             // The nodes that are known here, this one first.
             std::vector<node_facts>(ping_atom),
             // A report of another node. False if it can't be applied.
             bool(event_atom, node_report),
             // A node has come, and this is the way back to it over the same connection.
             void(connected_atom, node_facts, door_actor),
             // A link is up.
             void(connected_atom, link_id, session_welcome),
             // A link is down, or does not come up.
             void(lost_atom, link_id, error),
             // What the node at the other end of a link knows.
             void(nodes_atom, link_id, std::vector<node_facts>)>;

} // namespace vef
