#include <vef/supervisor/isolation/private_file.hpp>

#include <vef/backends/descriptor.hpp>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>

namespace vef {

error unwritable(const std::string& what, const std::filesystem::path& path, int reason) {
  auto text = "cannot make " + what + ' ' + vef::quoted(path.string()) + ": "
              + std::generic_category().message(reason);
  return {reason == ENOSPC || reason == EDQUOT ? errc::disk_full : errc::cannot_write, text};
}

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

result<std::filesystem::path> fresh_folder(const std::string& what, const std::filesystem::path& where) {
  std::error_code failed;
  auto name = (std::filesystem::absolute(where, failed) / "vef-XXXXXX").string();
  if (failed) return fail(unwritable("a folder for " + what + " in", where, failed.value()));
  if (!::mkdtemp(name.data())) return fail(unwritable("a folder for " + what + " in", where, errno));
  return std::filesystem::path{name};
}

} // namespace vef
