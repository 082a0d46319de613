#pragma once

#include <vef/apps/run_facts.hpp>
#include <vef/apps/similarity.hpp>

#include <memory>

namespace vef {

/// The vectors of a finished run, mapped from OUT.npy, with the paths of their pictures. Any .npy of float32
/// rows with a .jsonl of {"path", "row"} lines beside it will do.
class vectors_file {
public:
  /// Errors: file_not_found, file_unreadable, invalid_config.
  static result<vectors_file> open(const std::filesystem::path& out);

  vector_block vectors() const noexcept { return block_; }
  const std::string& path(std::size_t row) const { return paths_[row]; }
  const std::vector<std::string>& paths() const noexcept { return paths_; } ///< by row
  std::size_t rows() const noexcept { return block_.rows; }

private:
  result<void> map(const std::filesystem::path& file);
  result<void> read_paths(const std::filesystem::path& lines, const std::filesystem::path& vectors);

  std::shared_ptr<const void> mapping_;
  vector_block block_;
  std::vector<std::string> paths_;
};

} // namespace vef
