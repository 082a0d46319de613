#pragma once

#include <vef/backends/hub/cache.hpp>
#include <vef/backends/hub/files.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>

namespace vef {

/// How long to wait for a lock that somebody else holds. Time is counted by the pauses, not by a clock.
struct lock_wait {
  std::chrono::milliseconds longest{0}; ///< 0: one try
  std::chrono::milliseconds pause{100}; ///< between two tries
  /// Lets a pause pass; false ends the waiting as cancelled. Not called where `longest` is 0.
  std::function<bool(std::chrono::milliseconds)> pass = {};
};

/// Downloads break off, and two programs may want the same file at once. A blob writer holds the lock of one
/// etag in one repository, .locks/models--ORG--NAME/ETAG.lock, which Python's filelock takes by flock() too,
/// and a part file blobs/ETAG.XXXXXXXX.incomplete with eight random digits 0-9 a-f. Where an earlier download
/// has left such a file, of this program or of another (ETAG.incomplete is an old name for it), and nobody
/// has locked it, the largest is gone on with. What is in it is as good as whoever wrote it: check the digest
/// of the whole before commit().
///
/// Where a file system pretends to lock, the names differ and only the work is done twice. A part file that
/// isn't committed stays for the next download; an empty one goes. Not shared between threads.
class blob_writer {
public:
  /// Takes the lock and a part file; makes the folders. Where the blob is there already, has_blob() is true
  /// and there is nothing to write. Errors: in_use (locked for longer than `wait` allows), cancelled,
  /// invalid_argument, cannot_write, disk_full.
  static result<blob_writer> open(const hub_cache& cache, const std::string& id, const std::string& etag,
                                  const lock_wait& wait = {});

  ~blob_writer();
  blob_writer(blob_writer&&) noexcept = default;
  blob_writer& operator=(blob_writer&&) = delete;

  /// Somebody else has finished the blob, or this writer has.
  bool has_blob() const { return part_.number() < 0; }
  /// blobs/ETAG.
  const std::filesystem::path& blob() const { return blob_; }
  /// The part file, to be read for its digest. Empty where has_blob().
  const std::filesystem::path& part() const { return name_; }
  /// Bytes in the part file, from where a download goes on.
  std::uint64_t size() const { return size_; }

  /// Writes at the end.
  result<void> append(std::span<const std::uint8_t> bytes);
  /// Drops what comes after the first `size` bytes; 0 starts over.
  result<void> truncate(std::uint64_t size);
  /// Gives the file to the disk and then its final name.
  result<void> commit();
  /// Removes the part file, such as one that is wrong.
  void discard();

private:
  blob_writer() = default;

  std::filesystem::path blob_;
  std::filesystem::path name_;
  descriptor lock_;
  descriptor part_;
  std::uint64_t size_ = 0;
};

} // namespace vef
