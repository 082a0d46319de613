#pragma once

#include <vef/nodes/node_options.hpp>
#include <vef/supervisor/instance.hpp>

namespace vef {

/// An instance that others reach over the network.
struct served_node {
  node_facts facts;    ///< by which name and address
  cluster_actor front; ///< speaks for all nodes, as it does to clients: for the program's own requests
};

/// Publishes an instance at a port and joins the others. It is a node until its supervisor ends, or until the
/// front gets an exit message, which leaves the instance alone.
///
/// The system was prepared by `prepare_network` (nodes/network.hpp): its certificates are used, or none if it
/// was told so.
///
/// Errors: invalid_config for options that make no sense, for a plain network on anything but loopback, and
/// for this user's own certificates there; not_trusted if the certificate is not for the host by which the
/// node is reached; address_taken; unreachable for an address that is none of this machine.
result<served_node> serve(caf::actor_system& system, const instance& served, node_options options);

/// How long `connect` tries.
inline constexpr std::chrono::milliseconds connect_limit = std::chrono::seconds{10};

/// Connects to a node, or to whichever of several comes first, and gives handles like those of an instance of
/// one's own: requests go to whichever of the cluster's nodes is best for them, pictures as paths where the
/// node can read them and as bytes where not. A connection that is lost is made anew; what was under way is
/// done elsewhere, as the request's `replay` says. `shutdown_atom` to the supervisor ends the connection, and
/// not the node.
///
/// The system was prepared by `prepare_network`. Blocks until a connection is there. Errors:
/// invalid_argument, unreachable, not_trusted, incompatible_version.
result<instance> connect(caf::actor_system& system, std::vector<node_address> nodes,
                         std::chrono::milliseconds limit = connect_limit);
result<instance> connect(caf::actor_system& system, const std::string& host,
                         std::uint16_t port = default_port);

} // namespace vef
