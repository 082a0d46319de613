#pragma once

#include <vef/apps/command.hpp>
#include <vef/messages/cluster.hpp>

#include <memory>

namespace vef {

class runtime;
struct served_node;

/// A runtime whose work is done by the nodes that a command line names. Blocks until there is a connection.
/// Errors: invalid_argument if none is named, for what is no address, and for options that are about models
/// of this machine; those of `remote_host`.
result<std::unique_ptr<runtime>> remote_runtime(const common_options& options);

/// Asks nodes what a runtime does not: all there is to know of them, and to do something at one of them.
/// Blocking calls with limits; safe to use from many threads.
class node_client {
public:
  /// Errors: those of `remote_runtime`.
  static result<node_client> connect(const common_options& options);

  /// For the node that this program is, which outlives it.
  explicit node_client(const served_node& own);

  node_client(node_client&&) noexcept;
  node_client& operator=(node_client&&) noexcept;
  ~node_client();

  /// What a node knows of all, itself first.
  result<cluster_status> nodes() const;

  /// Loads a model at a node, or where it is best placed if none is named.
  result<model_status> load(const model_key& what, const std::string& node) const;

  /// Unloads models at a node, or at all of them.
  result<std::vector<unload_report>> unload(const unload_request& what, const std::string& node) const;

  /// Makes a service at a node.
  result<service_status> create(const service_spec& spec, const std::string& node) const;

private:
  struct core;
  explicit node_client(std::unique_ptr<core> x);
  std::unique_ptr<core> core_;
};

} // namespace vef
