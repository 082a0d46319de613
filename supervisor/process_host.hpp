#pragma once

#include <vef/actors/model.hpp>
#include <vef/messages/interfaces.hpp>

#include <functional>
#include <memory>

namespace vef {

/// What a service in a process of its own is started with.
struct isolated_setup {
  service_spec spec;
  governor_actor governor; ///< of this process: it decides about the child's memory as well
  model_listener_actor listener;
  model_options models;
  idle_timeouts idle;
  std::shared_ptr<executor> loaders; ///< where processes are started and ended
};

/// Runs services in processes of their own. Made by whoever knows how (isolation/processes.hpp), so that the
/// supervisor need not know of networks and processes.
class process_host {
public:
  virtual ~process_host() = default;

  /// Spawns the actor that stands for such a service. It starts the process, answers as the service does,
  /// though not before the process is there, and dies when the process dies. Ending it ends the process.
  virtual service_actor spawn(caf::actor_system& system, isolated_setup setup) = 0;

  /// Bytes of host memory that its processes hold: they are this node's own.
  virtual std::uint64_t resident_bytes() const = 0;
};

} // namespace vef
