#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace vef {

/// The error for a system call that could not write: disk_full or cannot_write.
error cannot_write(const std::filesystem::path& file, int reason);

/// A file that grows at its end, with a buffer, and a lock so that no second program writes it at the same
/// time. Closing does not flush: after a failure what was flushed is what there is.
class written_file {
public:
  written_file() = default;
  ~written_file();
  written_file(written_file&& x) noexcept;
  written_file& operator=(written_file&& x) noexcept;

  /// Opens or makes a file; its content stays. Errors: cannot_write; in_use if another program writes it.
  static result<written_file> open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return path_; }
  std::uint64_t size() const noexcept { return flushed_ + buffer_.size(); }

  result<void> append(std::string_view bytes);
  result<void> flush();

  /// Forgets what lies beyond `size` and what was not flushed.
  result<void> cut(std::uint64_t size);

  /// Writes over what is there. Reaches no further than the flushed end.
  result<void> overwrite(std::uint64_t offset, std::string_view bytes);

  /// Flushes and waits until the disk has it.
  result<void> sync();

  /// Gives it its final name, in place of whatever had that.
  result<void> rename_to(const std::filesystem::path& path);

private:
  result<void> put(std::uint64_t offset, std::string_view bytes);

  std::filesystem::path path_;
  std::string buffer_;
  std::uint64_t flushed_ = 0;
  int file_ = -1;
};

/// Waits until the disk knows the names in a folder.
void sync_folder(const std::filesystem::path& folder);

/// Writes all of it, through short writes and interruptions. The error of the system call that failed, 0 if
/// none did.
int write_all(int file, std::string_view bytes);

} // namespace vef
