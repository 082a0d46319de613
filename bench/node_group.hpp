#pragma once

#include "bench/node_process.hpp"

#include <vef/messages/cluster.hpp>
#include <vef/supervisor/runtime.hpp>

namespace vef::bench {

/// A folder of this run, gone with the object.
class run_folder {
public:
  run_folder();
  ~run_folder();
  run_folder(const run_folder&) = delete;
  run_folder& operator=(const run_folder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  /// The folder of a certificate for loopback, made at the first call. Throws a `failure`.
  std::filesystem::path certificates() const;

private:
  std::filesystem::path path_;
};

/// This program's connection to one node or several. Safe to use from many threads.
class connection {
public:
  /// Blocks until it is there. Throws a `failure`.
  connection(const std::vector<std::string>& nodes, const std::filesystem::path& tls);

  runtime& work() { return runtime_; }

  /// Throws a `failure`.
  void load(const std::string& node, const std::string& model);
  cluster_status nodes();

private:
  explicit connection(runtime_host_ptr host);
  template <class T, class... Ts> T ask(Ts... message);

  runtime_host* host_; // the runtime's
  runtime runtime_;
};

/// Several nodes that know each other, all with the small model in memory, and all knowing that.
class node_group {
public:
  /// `each` is the plan of all but for number, nodes to join and journal: the last node alone has that.
  /// Throws a `failure`.
  node_group(std::size_t count, const node_plan& each);

  node_process& operator[](std::size_t i) { return nodes_[i]; }
  std::size_t size() const { return nodes_.size(); }

  /// Of the first nodes, so many.
  std::vector<std::string> addresses(std::size_t count) const;

private:
  std::vector<node_process> nodes_;
};

} // namespace vef::bench
