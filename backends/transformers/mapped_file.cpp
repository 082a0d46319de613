#include <vef/backends/transformers/mapped_file.hpp>

#include <vef/backends/descriptor.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vef {

namespace {

tl::unexpected<error> cannot_open(errc code, const std::filesystem::path& path, const std::string& why) {
  return fail(code, "cannot open " + vef::quoted(path.string()) + ": " + why);
}

tl::unexpected<error> cannot_open(int reason, const std::filesystem::path& path) {
  std::error_code none;
  switch (reason) {
  case ENOENT:
    if (std::filesystem::is_symlink(std::filesystem::symlink_status(path, none)))
      return cannot_open(errc::file_not_found, path, "it is a link to a file that is not there");
    [[fallthrough]];
  case ENOTDIR:
  case ENAMETOOLONG: return cannot_open(errc::file_not_found, path, "there is no such file");
  case ELOOP: return cannot_open(errc::file_unreadable, path, "it is a link that leads in a circle");
  case ENOMEM: return cannot_open(errc::out_of_memory, path, "no address space left");
  default: return cannot_open(errc::file_unreadable, path, std::generic_category().message(reason));
  }
}

tl::unexpected<error> not_a_file(const std::filesystem::path& path, mode_t mode) {
  return cannot_open(errc::not_a_file, path, S_ISDIR(mode) ? "it is a folder" : "it is not a regular file");
}

void* address_of(std::span<const std::byte> bytes) { return const_cast<std::byte*>(bytes.data()); }

} // namespace

result<std::shared_ptr<const mapped_file>> mapped_file::open(const std::filesystem::path& path) {
  struct stat facts {};
  if (path.native().find('\0') != path.native().npos) return cannot_open(ENOENT, path);
  // Looked at first, since to open a FIFO or a device may block or do something.
  if (::stat(path.c_str(), &facts) != 0) return cannot_open(errno, path);
  if (!S_ISREG(facts.st_mode)) return not_a_file(path, facts.st_mode);
  descriptor file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
  if (file.number() < 0 || ::fstat(file.number(), &facts) != 0) return cannot_open(errno, path);
  if (!S_ISREG(facts.st_mode)) return not_a_file(path, facts.st_mode);

  std::shared_ptr<mapped_file> out{new mapped_file{path}};
  auto size = static_cast<std::size_t>(facts.st_size);
  if (size == 0) return out;
  auto begin = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (begin == MAP_FAILED) return cannot_open(errno, path);
  out->bytes_ = {static_cast<const std::byte*>(begin), size};
  return out;
}

mapped_file::~mapped_file() {
  if (!bytes_.empty()) ::munmap(address_of(bytes_), bytes_.size());
}

// Both are advice: if the system does not take it, nothing but time or memory is lost.

void mapped_file::drop_pages() const noexcept {
  if (!bytes_.empty()) ::madvise(address_of(bytes_), bytes_.size(), MADV_DONTNEED);
}

void mapped_file::will_need(std::uint64_t offset, std::uint64_t size) const noexcept {
  if (offset >= bytes_.size()) return;
  size = std::min(size, bytes_.size() - offset);
  auto before = offset % static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  ::madvise(address_of(bytes_.subspan(offset - before)), size + before, MADV_WILLNEED);
}

} // namespace vef
