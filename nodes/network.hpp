#pragma once

#include <vef/nodes/node_options.hpp>

namespace caf {
class actor_system_config;
}

namespace vef {

/// How a program is secured that talks with nodes.
struct network_options {
  /// A folder with ca.pem, certificate.pem and key.pem. Empty: this user's own for this machine, made at the
  /// first use.
  std::filesystem::path tls = {};
  bool insecure = false; ///< neither certificates nor secrecy: for loopback alone
};

/// Where the certificates are: of the options, or of this user. Empty if it is insecure. They have been
/// checked. Errors: invalid_config (insecure with certificates), not_trusted, file_not_found,
/// file_unreadable, cannot_write.
result<std::filesystem::path> certificates_of(const network_options& options);

/// To be called before the actor system is made, whose config it takes, and once: prepares it to talk with
/// nodes, or to be one. Gives where the certificates are. Errors: those of certificates_of.
///
/// A program that has services in processes of their own calls this first and puts the folder into
/// `process_options::certificates`, unless it is insecure; then it calls make_processes alone.
result<std::filesystem::path> prepare_network(caf::actor_system_config& config,
                                              const network_options& options = {});

} // namespace vef
