#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vef {

/// How the Hub names content.
enum class digest_kind : std::uint8_t {
  sha256,  ///< of the bytes: files in LFS
  git_sha1 ///< of "blob SIZE", a zero byte, the bytes: git's own name for a small file
};

/// What kind an etag is, by its length; nothing if it is no digest, and then nothing can be checked.
std::optional<digest_kind> digest_kind_of(std::string_view etag);

/// Digests bytes as they come. Not shared between threads.
class digest {
public:
  /// `size` is how many bytes will come, which git's digest begins with. Errors: internal (this machine's
  /// OpenSSL was told not to offer the algorithm).
  static result<digest> start(digest_kind kind, std::uint64_t size);

  void add(std::span<const std::uint8_t> bytes);

  /// Digits 0-9 a-f; ends the digest.
  std::string finish();

private:
  struct free_context {
    void operator()(void* x) const;
  };
  digest() = default;

  std::unique_ptr<void, free_context> context_; ///< EVP_MD_CTX
};

/// Is told how many bytes are done; false ends the work as cancelled.
using hash_progress = std::function<bool(std::uint64_t done)>;

/// The digest of a file, as digits 0-9 a-f. Errors: file_not_found, file_unreadable, cancelled, internal.
result<std::string> hash_file(const std::filesystem::path& file, digest_kind kind,
                              const hash_progress& progress = {});

} // namespace vef
