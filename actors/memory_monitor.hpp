#pragma once

#include <vef/actors/memory_probe.hpp>
#include <vef/actors/workers.hpp>
#include <vef/backends/backend.hpp>
#include <vef/messages/interfaces.hpp>

#include <functional>
#include <mutex>

namespace vef {

/// The backends whose devices should be looked at. Does not keep them alive. Safe to share between threads.
class device_sources {
public:
  void add(const std::shared_ptr<backend>& x);

  /// What they say now. One that fails is left out.
  std::vector<device_reading> read() const;

  /// Host memory that other processes hold for this one, in bytes, is counted as ours.
  void count_as_ours(std::function<std::uint64_t()> resident_bytes);
  std::uint64_t ours_elsewhere() const;

private:
  mutable std::mutex mutex_;
  mutable std::vector<std::weak_ptr<backend>> sources_;
  std::function<std::uint64_t()> elsewhere_;
};

struct monitor_options {
  std::chrono::milliseconds interval{1000}; ///< between two looks; 0: no monitor
  bool trigger = true;                      ///< have the kernel tell of stalls at once, where it does (PSI)
  kernel_files files = {};
};

struct monitor_setup {
  monitor_options options;
  governor_actor governor;
  std::shared_ptr<executor> reader; ///< where files are read and drivers asked
  std::shared_ptr<device_sources> devices;
};

/// Looks, and says who has stalled.
using monitor_actor = actor_of<void(expire_atom), void(pressure_atom)>;

/// Spawns the actor that tells the governor what the kernel and the drivers say of memory: every interval,
/// and at once when tasks have to wait for memory.
monitor_actor spawn_memory_monitor(caf::actor_system& system, monitor_setup setup);

} // namespace vef
