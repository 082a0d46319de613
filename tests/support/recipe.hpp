#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vef::test {

/// FNV-1a, 64 bits, of the bytes of `text`.
std::uint64_t fnv1a(std::string_view text) noexcept;

/// float32 in [-1, 1), each a hash of the name, the seed and its place: `unit` of golden/README.md,
/// section 6.
void unit(std::string_view name, std::uint64_t seed, std::span<float> out) noexcept;

/// The weights of a full-size network, which are computed instead of kept: a folder of golden/full with its
/// weights_recipe.json, whose format and formula are section 6 of golden/README.md. Everything here throws
/// std::runtime_error for a folder that is not what it should be. Const functions may run in several threads.
class weights_recipe {
public:
  struct tensor {
    std::string name;
    std::vector<std::size_t> shape; ///< empty: one element
    std::string kind;               ///< "f", "i64" or "file NAME"
    double offset = 0;
    double scale = 0;
    std::string digest; ///< the first 16 hexadecimal digits of the SHA-256 of its bytes

    std::size_t count() const noexcept;
    bool whole_numbers() const noexcept { return kind == "i64"; } ///< int64; otherwise float32
    std::size_t bytes() const noexcept { return count() * (whole_numbers() ? 8 : 4); }
  };

  explicit weights_recipe(std::filesystem::path full_folder);

  std::uint64_t seed() const noexcept { return seed_; }
  const std::vector<tensor>& tensors() const noexcept { return tensors_; }

  /// The tensor's values, little-endian, in C order. `out` has exactly `x.bytes()` bytes and is aligned to an
  /// element.
  /// @throws std::runtime_error too if they are not what the digest says
  void write(const tensor& x, std::span<std::byte> out) const;

private:
  void compute(const tensor& x, std::span<std::byte> out) const;
  std::span<const std::byte> side_file(const tensor& x) const;

  std::filesystem::path folder_;
  std::uint64_t seed_ = 0;
  std::vector<tensor> tensors_;
  std::map<std::string, std::string> side_files_; // by name, whole
};

/// Makes the folder `into` what a model hub would give for a folder of golden/full: model.safetensors by its
/// recipe, every digest checked, with config.json and preprocessor_config.json beside it. Two threads; a
/// network of 93 million values takes a second or two.
/// @return `into`
std::filesystem::path make_full_checkpoint(const std::filesystem::path& full_folder,
                                           const std::filesystem::path& into);

} // namespace vef::test
