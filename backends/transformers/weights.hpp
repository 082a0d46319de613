#pragma once

#include <vef/backends/transformers/mapped_file.hpp>
#include <vef/backends/transformers/safetensors.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace vef {

/// A tensor as it lies in a mapped file. The file is held by `file`, and `data` may be read as long as it is.
struct weight_view {
  dtype type = dtype::f32;
  std::vector<std::int64_t> shape = {};
  const std::byte* data = nullptr; ///< little-endian, C order, not necessarily aligned
  std::uint64_t bytes = 0;
  std::shared_ptr<const mapped_file> file = {};
};

/// The tensors of a checkpoint folder: those of `model.safetensors`, or those that
/// `model.safetensors.index.json` finds in its shards, the files beside it
/// (https://huggingface.co/docs/safetensors). They are mapped, not read: to open a folder costs the headers,
/// and a shard's tensors that the index does not name are not there.
///
/// Threads: it does not change once it is open.
class checkpoint_weights {
public:
  /// Errors: file_not_found for the folder; corrupt_model for what the files say or where one is missing;
  /// unsupported_model for a type of elements, or where there are only pickle files; and those of
  /// `mapped_file`. No exception leaves it.
  static result<checkpoint_weights> open(const std::filesystem::path& folder) noexcept;

  const std::map<std::string, weight_view>& tensors() const noexcept { return tensors_; }

  /// nullptr where there is none of that name.
  const weight_view* find(const std::string& name) const {
    auto found = tensors_.find(name);
    return found == tensors_.end() ? nullptr : &found->second;
  }

  const std::vector<std::shared_ptr<const mapped_file>>& files() const noexcept { return files_; }

  /// Of all files together.
  std::uint64_t bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& file : files_) sum += file->bytes().size();
    return sum;
  }

private:
  result<void> add_file(const std::filesystem::path& path);
  result<void> add_shards(const std::filesystem::path& index);
  result<void> add_shard(const std::filesystem::path& path, const std::map<std::string, std::string>& wanted);

  std::map<std::string, weight_view> tensors_;
  std::vector<std::shared_ptr<const mapped_file>> files_;
};

} // namespace vef
