#include <vef/apps/written_file.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vef {

namespace {

constexpr std::size_t buffer_limit = 1 << 20;

} // namespace

error cannot_write(const std::filesystem::path& file, int reason) {
  auto full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
  return {full ? errc::disk_full : errc::cannot_write,
          "cannot write " + vef::quoted(file.string()) + ": " + std::generic_category().message(reason)};
}

int write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

written_file::~written_file() {
  if (file_ >= 0) ::close(file_);
}

written_file::written_file(written_file&& x) noexcept
    : path_(std::move(x.path_))
    , buffer_(std::move(x.buffer_))
    , flushed_(x.flushed_)
    , file_(std::exchange(x.file_, -1)) {}

written_file& written_file::operator=(written_file&& x) noexcept {
  path_.swap(x.path_);
  buffer_.swap(x.buffer_);
  std::swap(flushed_, x.flushed_);
  std::swap(file_, x.file_);
  return *this;
}

result<written_file> written_file::open(const std::filesystem::path& path) {
  written_file x;
  x.path_ = path;
  struct stat facts {
  }, named{};
  do {
    if (x.file_ >= 0) ::close(x.file_);
    x.file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (x.file_ < 0 || ::fstat(x.file_, &facts) != 0) return fail(cannot_write(path, errno));
    if (!S_ISREG(facts.st_mode))
      return fail(errc::cannot_write,
                  "cannot write " + vef::quoted(path.string()) + ": it is no regular file");
    // File systems without locks are written all the same.
    if (::flock(x.file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      return fail(errc::in_use,
                  "cannot write " + vef::quoted(path.string()) + ": another run of vef is writing it");
    // The run that had the lock may have given the file its final name just now.
  } while (::stat(path.c_str(), &named) != 0 || named.st_ino != facts.st_ino || named.st_dev != facts.st_dev);
  x.flushed_ = static_cast<std::uint64_t>(facts.st_size);
  return x;
}

result<void> written_file::put(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(cannot_write(path_, errno));
    offset += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

result<void> written_file::append(std::string_view bytes) {
  buffer_ += bytes;
  return buffer_.size() >= buffer_limit ? flush() : result<void>{};
}

result<void> written_file::flush() {
  auto done = put(flushed_, buffer_);
  if (!done) return done;
  flushed_ += buffer_.size();
  buffer_.clear();
  return {};
}

result<void> written_file::cut(std::uint64_t size) {
  buffer_.clear();
  if (::ftruncate(file_, static_cast<off_t>(size)) != 0) return fail(cannot_write(path_, errno));
  flushed_ = size;
  return {};
}

result<void> written_file::overwrite(std::uint64_t offset, std::string_view bytes) {
  return put(offset, bytes);
}

result<void> written_file::sync() {
  if (auto done = flush(); !done) return done;
  // EINVAL: a file system that has no such thing.
  if (::fsync(file_) != 0 && errno != EINVAL) return fail(cannot_write(path_, errno));
  return {};
}

result<void> written_file::rename_to(const std::filesystem::path& path) {
  if (::rename(path_.c_str(), path.c_str()) != 0) return fail(cannot_write(path, errno));
  path_ = path;
  return {};
}

void sync_folder(const std::filesystem::path& folder) {
  auto file = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  std::ignore = ::fsync(file);
  ::close(file);
}

} // namespace vef
