#pragma once

#include <vef/messages/errors.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace vef {

/// A private key and the certificate that says whose it is, both as PEM. The key is not encrypted: whoever
/// has it is believed.
struct certified_key {
  std::string certificate;
  std::string key;
};

/// A new authority: a certificate signed by itself, for nothing but to sign those of nodes, and not of
/// further authorities. A P-256 key and SHA-256, as all that follow. `name` is for people: two authorities of
/// one name are still two, for their keys differ.
///
/// Errors: invalid_argument for a name that is empty or longer than 64 characters, or for no days;
/// missing_capability when OpenSSL, as installed and configured here, can't do it.
result<certified_key> make_authority(const std::string& name, std::chrono::days valid);

/// A new key, with a certificate that the authority signed, for a program that takes connections under these
/// host names and addresses ("localhost", "*.example.org", "127.0.0.1", "::1"), and that makes connections.
/// It is good for no longer than its authority.
///
/// Both are valid from an hour ago, for the clocks of other machines.
/// Errors: invalid_argument for no hosts or one that can't be one, for no days, or for an authority that is
/// none; missing_capability.
result<certified_key> make_certificate(const certified_key& authority, const std::vector<std::string>& hosts,
                                       std::chrono::days valid);

} // namespace vef
