#pragma once

#include <vef/messages/errors.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace vef {

/// The content of a file as memory, read by the system page by page as it is touched. The mapping lasts as
/// long as somebody shares it; the file may be renamed or removed meanwhile. Who shortens it in place,
/// though, ends the process at the next access beyond the new end: files of weights are replaced by renaming.
///
/// Threads: all members may be called at any time.
class mapped_file {
public:
  /// Maps a regular file, or what a link leads to; an empty one is no bytes. Errors: file_not_found,
  /// not_a_file, file_unreadable, out_of_memory (of address space).
  static result<std::shared_ptr<const mapped_file>> open(const std::filesystem::path& path);

  ~mapped_file();
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  /// Begins at a page.
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  const std::filesystem::path& path() const noexcept { return path_; }

  /// Takes the pages that were read out of this process; they come back when they are touched.
  void drop_pages() const noexcept;

  /// Has the system read a part ahead. A part beyond the end is left out.
  void will_need(std::uint64_t offset, std::uint64_t size) const noexcept;

private:
  explicit mapped_file(std::filesystem::path path)
      : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

} // namespace vef
