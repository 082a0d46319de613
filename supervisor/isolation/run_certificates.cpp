#include <vef/supervisor/isolation/run_certificates.hpp>

#include <vef/supervisor/isolation/certificates.hpp>
#include <vef/backends/descriptor.hpp>

#include <openssl/crypto.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace vef {

namespace {

// Longer than any run. Nothing renews them: once they expired, a service that is restarted could no longer
// be reached. Their secrecy does not rest on the date, since they are gone with the run.
constexpr std::chrono::days valid{3650};

error unwritable(const char* what, const std::filesystem::path& path, int why) {
  auto text = std::string{"cannot make "} + what + ' ' + vef::quoted(path.string()) + ": "
              + std::generic_category().message(why);
  return {why == ENOSPC || why == EDQUOT ? errc::disk_full : errc::cannot_write, text};
}

// With a name that nobody could know before, for this user alone.
result<std::filesystem::path> fresh_folder(const std::filesystem::path& where) {
  std::error_code failed;
  auto name = (std::filesystem::absolute(where, failed) / "vef-XXXXXX").string();
  if (failed) return fail(unwritable("a folder for the run's certificates in", where, failed.value()));
  if (!::mkdtemp(name.data()))
    return fail(unwritable("a folder for the run's certificates in", where, errno));
  return std::filesystem::path{name};
}

result<std::filesystem::path> fresh_folder() {
  auto runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime && *runtime == '/')
    if (auto made = fresh_folder(runtime)) return made;
  std::error_code failed;
  auto temporary = std::filesystem::temp_directory_path(failed);
  if (failed)
    return fail(errc::cannot_write,
                "cannot make a folder for the run's certificates: there is none for temporary files: "
                    + failed.message());
  return fresh_folder(temporary);
}

// Never into a file that is there, nor through a link.
result<void> write_private(const std::filesystem::path& path, std::string_view text) {
  auto failed = [&] { return fail(unwritable("the file", path, errno)); };
  descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file) return failed();
  while (!text.empty()) {
    auto n = ::write(file.number(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed();
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
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

  auto folder = where.empty() ? fresh_folder() : fresh_folder(where);
  if (!folder) return fail(folder.error());
  std::shared_ptr<run_certificates> out{new run_certificates{std::move(*folder)}};
  auto written = write_private(out->ca(), authority->certificate);
  if (written) written = write_private(out->certificate(), node->certificate);
  if (written) written = write_private(out->key(), node->key);
  if (!written) return fail(written.error());
  return out;
}

} // namespace vef
