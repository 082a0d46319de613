#pragma once

#include "bench/pretending_backend.hpp"

#include <string>
#include <vector>

#include <sys/types.h>

namespace vef::bench {

struct node_plan {
  unsigned number = 0;                ///< its name, and what its vectors tell
  std::filesystem::path tls = {};     ///< the folder of its certificate; empty: insecure
  std::vector<std::string> join = {}; ///< HOST:PORT
  picture_cost cost = {};             ///< of what its backend pretends
  std::filesystem::path journal = {}; ///< of the pictures that it has begun; empty: none
};

/// A node on loopback in a process of its own: this program, started again. It is killed with the object, and
/// when we die. To be made in the main thread, with which it dies; one thread at a time.
class node_process {
public:
  /// Starts it. Throws a `failure` if there can be no further process.
  explicit node_process(const node_plan& plan);
  node_process(node_process&& other) noexcept;
  node_process& operator=(node_process&&) = delete;
  ~node_process();

  /// Returns when it serves, and `address` is known. Throws a `failure` with what it says if it doesn't.
  void wait();

  const std::string& address() const { return address_; }
  pid_t id() const { return id_; }

  void kill();         ///< at once, as `kill -9`; returns when it is gone
  void freeze() const; ///< until it is killed

private:
  pid_t id_ = 0;
  descriptor answers_;
  std::string address_;
};

/// Of main(): what this program does when its first argument is `node_argument`.
inline constexpr const char* node_argument = "--node";
int be_node(int argc, char** argv);

} // namespace vef::bench
