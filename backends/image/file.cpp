#include <vef/backends/image/file.hpp>

#include <vef/backends/descriptor.hpp>
#include <vef/messages/bytes.hpp>

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vef {

namespace {

tl::unexpected<error> cannot_read(errc code, const std::string& path, const std::string& why) {
  return fail(code, "cannot read " + vef::quoted(path) + ": " + why);
}

tl::unexpected<error> cannot_read(int reason, const std::string& path) {
  bool missing = reason == ENOENT || reason == ENOTDIR || reason == ENAMETOOLONG;
  return cannot_read(missing ? errc::file_not_found : errc::file_unreadable, path,
                     missing ? "there is no such file" : std::generic_category().message(reason));
}

const char* kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFDIR: return "it is a folder";
  case S_IFIFO: return "it is a FIFO";
  case S_IFSOCK: return "it is a socket";
  case S_IFCHR:
  case S_IFBLK: return "it is a device";
  default: return "it is not a regular file";
  }
}

} // namespace

result<std::vector<std::uint8_t>> read_picture_file(const std::string& path, std::uint64_t max_bytes) {
  struct stat facts {};
  if (path.find('\0') != path.npos) return cannot_read(ENOENT, path);
  if (::stat(path.c_str(), &facts) != 0) return cannot_read(errno, path);
  if (!S_ISREG(facts.st_mode)) return cannot_read(errc::not_a_file, path, kind_of(facts.st_mode));
  // Not blocking, in case it became a FIFO in between.
  descriptor file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
  if (file.number() < 0 || ::fstat(file.number(), &facts) != 0) return cannot_read(errno, path);
  if (!S_ISREG(facts.st_mode)) return cannot_read(errc::not_a_file, path, kind_of(facts.st_mode));
  auto size = static_cast<std::uint64_t>(facts.st_size);
  if (size > max_bytes)
    return cannot_read(errc::image_too_large, path,
                       "it has " + format_bytes(size) + ", the limit is " + format_bytes(max_bytes));

  std::vector<std::uint8_t> out(static_cast<std::size_t>(size));
  std::size_t done = 0;
  while (done < out.size()) {
    auto count = ::read(file.number(), out.data() + done, out.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot_read(errno, path);
    if (count == 0) break; // it became shorter meanwhile
    done += static_cast<std::size_t>(count);
  }
  out.resize(done);
  return out;
}

namespace {

// The error of the system call that failed, 0 if none did.
int write_all(int file, std::span<const std::uint8_t> content) {
  while (!content.empty()) {
    auto count = ::write(file, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    content = content.subspan(static_cast<std::size_t>(count));
  }
  return ::fsync(file) == 0 ? 0 : errno;
}

} // namespace

result<void> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> content) {
  auto partial = path.string() + "." + std::to_string(::getpid()) + ".partial";
  int reason = 0;
  {
    descriptor file{::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    reason = file.number() < 0 ? errno : write_all(file.number(), content);
  }
  if (reason == 0 && ::rename(partial.c_str(), path.c_str()) != 0) reason = errno;
  if (reason == 0) return {};
  ::unlink(partial.c_str());
  return fail(reason == ENOSPC || reason == EDQUOT ? errc::disk_full : errc::cannot_write,
              "cannot write " + vef::quoted(path.string()) + ": " + std::generic_category().message(reason));
}

} // namespace vef
