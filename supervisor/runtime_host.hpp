#pragma once

#include <vef/supervisor/instance.hpp>
#include <vef/supervisor/runtime.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

namespace vef {

/// The actor system of a runtime and where to turn to in it. Whoever makes one fills it in this order:
/// `config`, `processes`, `system`, `actors`.
///
/// Its end: `shutdown_atom` to the supervisor, then it waits until no actor is left, for a bounded time.
class runtime_host {
public:
  runtime_host();
  virtual ~runtime_host();
  runtime_host(const runtime_host&) = delete;
  runtime_host& operator=(const runtime_host&) = delete;

  struct config_type : caf::actor_system_config {
    config_type();
  };

  config_type config;
  std::shared_ptr<process_host> processes; // its certificates are read at each connection
  std::unique_ptr<caf::actor_system> system;
  instance actors;
  std::shared_ptr<backend_types> backends = std::make_shared<backend_types>();
  std::chrono::milliseconds shutdown_limit = std::chrono::seconds{30};

  /// Ends what runs in it. Done by the destructor at the latest.
  void end() noexcept;
};

/// Makes the processes that the options ask for, or that one of their services needs. Errors: those of
/// make_processes.
result<void> add_processes(runtime_host& to, const runtime_options& options);

/// Makes the system and spawns all that the options describe. Errors: those of `spawn`.
result<void> start(runtime_host& host, runtime_options options);

} // namespace vef
