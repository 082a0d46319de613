#pragma once

#include <vef/nodes/network.hpp>
#include <vef/nodes/node.hpp>
#include <vef/supervisor/runtime.hpp>

namespace vef {

/// For code that has no actors: a runtime whose work is done by a cluster, of which one of these nodes
/// suffices to get in. Blocks until a connection is there, for at most `limit`. Its destructor ends the
/// connection. Errors: those of certificates_of and of `connect`.
///
///     vef::runtime runtime{vef::or_throw(vef::remote_host({{"photos.example.org"}}))};
result<runtime_host_ptr> remote_host(std::vector<node_address> nodes, const network_options& network = {},
                                     std::chrono::milliseconds limit = connect_limit);

/// A runtime that is a node.
struct serving_host {
  runtime_host_ptr host;
  served_node node;
};

/// The same for a program that serves: an instance, published. Errors: those of prepare_network, `spawn` and
/// `serve`.
result<serving_host> serve(runtime_options options, node_options node);

} // namespace vef
