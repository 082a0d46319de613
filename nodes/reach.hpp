#pragma once

#include <vef/nodes/address.hpp>

#include <chrono>
#include <filesystem>

namespace vef {

/// Whether a node is there that speaks with us, and if not, why: as CAF 0.17 does not bound a connect, does
/// not say why a handshake failed, and does not look whether a certificate is for the host. To be asked
/// before CAF connects.
///
/// Connects, does a TLS handshake with the files in `tls` (tls_files.hpp; empty: no TLS) and waits for the
/// first bytes: a server of CAF speaks first, once it has accepted our certificate. Then it hangs up.
///
/// Blocks for at most `limit`, except that the system's resolver takes its own time for a host's name. Safe
/// to call from many threads. Raises no SIGPIPE.
///
/// Errors: unreachable (the host has no address, nobody listens, nobody answers in time); not_trusted (a
/// certificate of theirs that is expired, a stranger's or for other hosts; ours, if they do not accept it; no
/// TLS at all); those of `check_tls_files`.
result<void> reach(const node_address& address, const std::filesystem::path& tls,
                   std::chrono::milliseconds limit);

/// Whether this program could listen there; always so for a port that the system chooses (0). Another one may
/// come first nevertheless.
///
/// Errors: address_taken; invalid_argument for an address that this machine does not have, or a port that it
/// does not give to this user; unreachable for a host without an address.
result<void> free_port(const node_address& address);

} // namespace vef
