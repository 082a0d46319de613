#pragma once

#include <vef/messages/errors.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st; // OpenSSL's SSL_CTX

namespace vef {

// A program's certificate, its private key, and the authority that it believes, in a folder: certificate.pem
// (intermediate ones may follow it), key.pem and ca.pem (which may hold several authorities, while one takes
// the place of another). All PEM.

/// What a certificate says.
struct certificate_facts {
  std::string subject;            ///< the common name, for people
  std::vector<std::string> hosts; ///< names and addresses that it is for (subject alternative names)
  std::chrono::sys_seconds valid_from;
  std::chrono::sys_seconds expires_at;
};

/// Reads the first certificate of a PEM text, or one as DER. Errors: not_trusted for what is none.
result<certificate_facts> parse_certificate(std::string_view text);

/// Why a certificate is not believed, of which OpenSSL says `problem` (X509_V_ERR_...): "is expired since
/// 2026-07-01 12:00 UTC; make a new one".
std::string trust_problem(int problem, const certificate_facts& x);

/// "2026-07-01 12:00 UTC".
std::string date_text(std::chrono::sys_seconds when);

/// Whether the files in `folder` can be used for connections at the time `now`. CAF reads them at each
/// connection and aborts the process over one that it can't use, so this comes first.
///
/// Errors, each with the file: file_not_found; file_unreadable; not_a_file; not_trusted for a file that is no
/// PEM, a key that others can read, that has a password or that belongs to another certificate, and for a
/// certificate that ca.pem did not sign, that is not valid yet, that is expired, or that is not for both ends
/// of a connection.
result<void> check_tls_files(const std::filesystem::path& folder, std::chrono::system_clock::time_point now);

/// A sentence to warn with, if the certificate, or all authorities in ca.pem, will be expired in 14 days.
/// Nothing for files that can't be read: `check_tls_files` says why.
std::optional<std::string> expiry_warning(const std::filesystem::path& folder,
                                          std::chrono::system_clock::time_point now);

/// What the certificate in `folder` says. Errors: those of a file in `check_tls_files`.
result<certificate_facts> certificate_in(const std::filesystem::path& folder);

/// The names and addresses that the certificate in `folder` is for; none if it can't be read.
std::vector<std::string> certificate_hosts(const std::filesystem::path& folder);

/// What OpenSSL needs for connections with these files, of either end. It shows the certificate, and accepts
/// nobody without one that ca.pem signed. Errors: not_trusted. Says less about bad files than
/// `check_tls_files`, which is to be asked first.
result<std::shared_ptr<ssl_ctx_st>> tls_context(const std::filesystem::path& folder);

} // namespace vef
