#include <vef/backends/hub/files.hpp>

#include <cerrno>
#include <random>
#include <system_error>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vef {

error cannot_write(const std::string& what, const std::filesystem::path& path, int reason) {
  auto start = "cannot " + what + " " + vef::quoted(path.string()) + ": ";
  if (reason == ENOSPC) return {errc::disk_full, start + "the disk is full"};
  if (reason == EDQUOT) return {errc::disk_full, start + "the disk quota is used up"};
  if (reason == EFBIG) return {errc::disk_full, start + "larger than a file may be here"};
  return {errc::cannot_write, start + std::generic_category().message(reason)};
}

int write_all(int file, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    auto n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

result<void> make_folders(const std::filesystem::path& folder) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) return fail(cannot_write("make the folder", folder, problem.value()));
  return {};
}

std::string eight_digits() {
  std::random_device source;
  std::string out;
  for (auto x = source(); out.size() < 8; x >>= 4) out += "0123456789abcdef"[x & 15];
  return out;
}

std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit) {
  // Without O_NONBLOCK a FIFO would wait here for somebody to write to it.
  descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat facts {};
  if (file.number() < 0 || ::fstat(file.number(), &facts) != 0 || !S_ISREG(facts.st_mode)) return {};
  std::string text(limit + 1, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    auto n = ::read(file.number(), text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return {};
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  if (done > limit) return {};
  text.resize(done);
  return text;
}

void sync_names(const std::filesystem::path& folder) {
  descriptor file{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (file.number() >= 0) std::ignore = ::fsync(file.number());
}

} // namespace vef
