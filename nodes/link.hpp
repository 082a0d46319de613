#pragma once

#include <vef/actors/workers.hpp>
#include <vef/nodes/cluster_inner.hpp>
#include <vef/nodes/node_options.hpp>

#include <caf/io/middleman_actor.hpp>

#include <optional>

namespace vef {

struct link_setup {
  link_id id = 0; ///< what the owner calls it
  node_address address;
  std::filesystem::path tls = {}; ///< empty: neither certificates nor secrecy
  session_hello hello;            ///< how this program introduces itself
  restart_rules reconnect;        ///< the pauses between attempts
  std::shared_ptr<executor> background;
  cluster_inner_actor owner;
};

/// One connection, kept up: makes it, opens a session, looks every second whether the other side answers, and
/// makes it anew after a pause that grows. The owner hears when it is up, when it is lost, and why it does
/// not come up.
///
/// A door says that the node at the address has connected to us, so that no second connection is needed.
using link_actor = actor_of<void(hello_atom, door_actor)>;

link_actor spawn_link(caf::actor_system& system, link_setup setup);

} // namespace vef
