#pragma once

#include <vef/actors/workers.hpp>
#include <vef/backends/types.hpp>
#include <vef/supervisor/isolation/run_certificates.hpp>
#include <vef/supervisor/process_host.hpp>

#include <optional>

namespace caf {
class actor_system_config;
}

namespace vef {

/// How services get processes of their own (`isolation::process`).
///
/// The child is a program that calls `child_main` first of all, by default this program itself. It connects
/// to this process over loopback, with certificates on both sides that are made for this run: whoever has
/// none, another user of the machine for instance, is turned away before anything of ours is reached.
struct process_options {
  std::filesystem::path program = {};       ///< absolute; empty: the program that runs now
  std::vector<std::string> arguments = {};  ///< for a program that wants some
  worker_counts work = {};                  ///< threads of each child; a runtime gives those of its own
  std::chrono::milliseconds patience{3000}; ///< for a child that was told to end, before it is killed

  /// A folder with certificates that this process has a network with already (`add_network`), as a node does: its
  /// children are connected by these. Empty: some are made for this run, and the network with them.
  std::filesystem::path certificates = {};
};

/// Makes the certificates of this run, if there are none, and prepares an actor system for the connections: to be called before
/// the system is made, whose config it takes. Errors: those of `run_certificates::make`.
result<std::shared_ptr<process_host>> make_processes(caf::actor_system_config& config,
                                                     process_options options = {});

/// For main(), first of all: if this process was started for a service, runs that until it ends and gives the
/// status to exit with; else nothing. The backends are those that services can be made of, as in the parent.
std::optional<int> child_main(const std::shared_ptr<backend_types>& types);

/// Whether this process was started for a service, by the environment.
bool is_child();

/// Prepares an actor system for connections, once: with the certificates ca.pem, certificate.pem and key.pem of
/// this folder on both sides, which have been checked, for CAF ends the process over bad ones; for an empty path
/// with neither certificates nor secrecy.
void add_network(caf::actor_system_config& config, const std::filesystem::path& certificates);

} // namespace vef
