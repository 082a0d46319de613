#include <vef/backends/hub/blob_writer.hpp>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vef {

namespace fs = std::filesystem;

namespace {

// Whether an open file is still the one of this name: whoever held its lock may have renamed or removed it.
bool is_named(int file, const fs::path& name) {
  struct stat facts {
  }, named{};
  return ::fstat(file, &facts) == 0 && ::lstat(name.c_str(), &named) == 0 && facts.st_ino == named.st_ino
         && facts.st_dev == named.st_dev;
}

// One try. No descriptor and no error: somebody else has the lock. File systems without locks are written all
// the same, since correctness doesn't depend on it.
result<descriptor> try_lock(const fs::path& name) {
  for (;;) {
    // Group-writable as Python makes it, so that users who share a cache can wait for each other.
    descriptor file{::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0664)};
    if (file.number() < 0) return fail(cannot_write("lock", name, errno));
    if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return descriptor{};
    if (is_named(file.number(), name)) return file;
  }
}

result<descriptor> take_lock(const fs::path& name, const lock_wait& wait) {
  for (std::chrono::milliseconds waited{0};; waited += wait.pause) {
    auto lock = try_lock(name);
    if (!lock || lock->number() >= 0) return lock;
    if (waited >= wait.longest || wait.pause.count() <= 0 || !wait.pass)
      return fail(errc::in_use, "cannot lock " + vef::quoted(name.string())
                                    + ": another program is downloading the same file");
    if (!wait.pass(wait.pause))
      return fail(errc::cancelled, "gave up waiting for the lock " + vef::quoted(name.string()));
  }
}

// ETAG.incomplete or ETAG.XXXXXXXX.incomplete.
bool is_part_of(std::string_view name, std::string_view etag) {
  constexpr std::string_view ending = ".incomplete";
  if (!name.starts_with(etag) || !name.ends_with(ending) || name.size() < etag.size() + ending.size())
    return false;
  name = name.substr(etag.size(), name.size() - etag.size() - ending.size());
  return name.empty()
         || (name.size() == 9 && name[0] == '.'
             && name.find_first_not_of("0123456789abcdef", 1) == name.npos);
}

// What earlier downloads left, the largest first.
std::vector<std::pair<std::uint64_t, fs::path>> left_parts(const fs::path& blobs, const std::string& etag) {
  std::vector<std::pair<std::uint64_t, fs::path>> found;
  std::error_code problem;
  fs::directory_iterator it{blobs, problem};
  for (; !problem && it != fs::directory_iterator{}; it.increment(problem)) {
    std::error_code none;
    if (!is_part_of(it->path().filename().string(), etag)) continue;
    if (!fs::is_regular_file(it->symlink_status(none))) continue;
    if (auto size = it->file_size(none); !none) found.emplace_back(size, it->path());
  }
  std::ranges::sort(found, std::greater{});
  return found;
}

} // namespace

blob_writer::~blob_writer() {
  if (part_.number() >= 0 && size_ == 0) discard();
}

result<blob_writer> blob_writer::open(const hub_cache& cache, const std::string& id, const std::string& etag,
                                      const lock_wait& wait) {
  if (!is_model_id(id) || !is_safe_etag(etag))
    return fail(errc::invalid_argument, "no place in the cache of models for the etag " + vef::quoted(etag)
                                            + " of the model " + vef::quoted(id));
  auto locks = cache.root() / ".locks" / repository_folder(id);
  auto blobs = cache.repository(id) / "blobs";
  for (const auto& folder : {locks, blobs})
    if (auto made = make_folders(folder); !made) return fail(made.error());
  auto lock = take_lock(locks / (etag + ".lock"), wait);
  if (!lock) return fail(lock.error());

  blob_writer x;
  x.lock_ = std::move(*lock);
  x.blob_ = blobs / etag;
  if (cache.has_blob(id, etag)) return x;
  for (const auto& [size, name] : left_parts(blobs, etag)) {
    descriptor part{::open(name.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (part.number() < 0 || ::flock(part.number(), LOCK_EX | LOCK_NB) != 0) continue;
    struct stat facts {};
    if (!is_named(part.number(), name) || ::fstat(part.number(), &facts) != 0) continue;
    x.part_ = std::move(part);
    x.name_ = name;
    x.size_ = static_cast<std::uint64_t>(facts.st_size);
    return x;
  }
  x.name_ = blobs / (etag + '.' + eight_digits() + ".incomplete");
  x.part_ = descriptor{::open(x.name_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  if (x.part_.number() < 0) return fail(cannot_write("write", x.name_, errno));
  std::ignore = ::flock(x.part_.number(), LOCK_EX | LOCK_NB);
  return x;
}

result<void> blob_writer::append(std::span<const std::uint8_t> bytes) {
  auto reason = write_all(part_.number(), bytes);
  if (reason == 0) {
    size_ += bytes.size();
    return {};
  }
  // Part of it may have been written, and a download goes on from the true end.
  struct stat facts {};
  if (::fstat(part_.number(), &facts) == 0) size_ = static_cast<std::uint64_t>(facts.st_size);
  return fail(cannot_write("write", name_, reason));
}

result<void> blob_writer::truncate(std::uint64_t size) {
  if (size >= size_) return {};
  if (::ftruncate(part_.number(), static_cast<off_t>(size)) != 0)
    return fail(cannot_write("shorten", name_, errno));
  size_ = size;
  return {};
}

result<void> blob_writer::commit() {
  if (has_blob()) return {};
  // EINVAL: a file system that has no such thing.
  if (::fsync(part_.number()) != 0 && errno != EINVAL) return fail(cannot_write("write", name_, errno));
  if (::rename(name_.c_str(), blob_.c_str()) != 0) return fail(cannot_write("write", blob_, errno));
  sync_names(blob_.parent_path());
  part_.close();
  name_.clear();
  return {};
}

void blob_writer::discard() {
  if (part_.number() < 0) return;
  ::unlink(name_.c_str());
  part_.close();
  name_.clear();
}

} // namespace vef
