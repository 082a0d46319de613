#include <vef/supervisor/isolation/run_certificates.hpp>

#include <vef/supervisor/isolation/certificates.hpp>
#include <vef/supervisor/isolation/private_file.hpp>

#include <openssl/crypto.h>

#include <chrono>
#include <cstdlib>
#include <system_error>

namespace vef {

namespace {

// Longer than any run. Nothing renews them: once they expired, a service that is restarted could no longer
// be reached. Their secrecy does not rest on the date, since they are gone with the run.
constexpr std::chrono::days valid{3650};

result<std::filesystem::path> run_folder(const std::filesystem::path& where) {
  return fresh_folder("the run's certificates", where);
}

result<std::filesystem::path> run_folder() {
  auto runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime && *runtime == '/')
    if (auto made = run_folder(runtime)) return made;
  std::error_code failed;
  auto temporary = std::filesystem::temp_directory_path(failed);
  if (failed)
    return fail(errc::cannot_write,
                "cannot make a folder for the run's certificates: there is none for temporary files: "
                    + failed.message());
  return run_folder(temporary);
}

} // namespace

run_certificates::run_certificates(std::filesystem::path folder)
    : folder_(std::move(folder)) {}

run_certificates::~run_certificates() {
  std::error_code none;
  std::filesystem::remove_all(folder_, none);
}

result<std::shared_ptr<run_certificates>> run_certificates::make(const std::filesystem::path& where) {
  auto authority = make_authority("vef run", valid);
  if (!authority) return fail(authority.error());
  auto node = make_certificate(*authority, {"localhost", "127.0.0.1"}, valid);
  OPENSSL_cleanse(authority->key.data(), authority->key.size());
  if (!node) return fail(node.error());

  auto folder = where.empty() ? run_folder() : run_folder(where);
  if (!folder) return fail(folder.error());
  std::shared_ptr<run_certificates> out{new run_certificates{std::move(*folder)}};
  auto written = write_private(out->ca(), authority->certificate);
  if (written) written = write_private(out->certificate(), node->certificate);
  if (written) written = write_private(out->key(), node->key);
  if (!written) return fail(written.error());
  return out;
}

} // namespace vef
