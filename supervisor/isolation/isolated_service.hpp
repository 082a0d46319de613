#pragma once

#include <vef/supervisor/isolation/child_process.hpp>
#include <vef/supervisor/isolation/processes.hpp>

#include <condition_variable>
#include <mutex>
#include <vector>

namespace vef {

/// The process of one service, shared by its actor, the thread that starts it and the one that ends it.
class child_slot {
public:
  /// Starts it. `ended` as in child_process. Errors: those of child_process::start; cancelled if `close` came
  /// first.
  result<void> open(child_command command, std::function<void(const child_end&)> ended);

  /// Waits for so long for it to end by itself, then ends it. Blocks.
  void close(std::chrono::milliseconds patience);

  void kill();
  std::int32_t pid() const;
  std::uint64_t resident_bytes() const;

private:
  mutable std::mutex mutex_;
  bool closed_ = false;
  std::unique_ptr<child_process> process_;

  std::mutex over_mutex_; // of its own: `ended` may come while the other one is held
  std::condition_variable over_;
  bool ended_ = false;
};

struct isolated_service_setup {
  isolated_setup service;
  child_command command; ///< without what is known only when there is a door
  worker_counts work;
  std::chrono::milliseconds patience{};
  std::shared_ptr<child_slot> slot;
};

/// Spawns the actor that stands for a service in a process of its own.
service_actor spawn_isolated_service(caf::actor_system& system, isolated_service_setup setup);

} // namespace vef
