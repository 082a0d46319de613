#pragma once

#include <vef/backends/hub/blob_writer.hpp>
#include <vef/backends/hub/cache.hpp>
#include <vef/backends/hub/digest.hpp>
#include <vef/backends/hub/retry_wait.hpp>

#include <functional>
#include <optional>
#include <string>

namespace vef {

/// A file to be downloaded.
struct wanted_file {
  model_name model; ///< at a commit
  std::string path;
  file_facts facts;
};

/// What a download does meanwhile, and how it waits.
struct download_hooks {
  std::function<void(std::uint64_t done)> on_progress; ///< bytes that are there, not only the new ones
  pause_function pause;
  std::stop_token stop;
};

/// Links break and servers lie. A download brings the bytes of one file into the cache's blobs, whole and
/// with the right size and digest or not at all: it takes the lock, goes on where an earlier one stopped,
/// tries again while that may help, and leaves what it has for the next one. One thread at a time.
class file_download {
public:
  file_download(const hub_cache& cache, hub_client& client, wanted_file file, download_hooks hooks,
                retries left);

  /// How many bytes came over the network: 0 if somebody else had them already. Errors: download_failed (the
  /// network, or a wrong digest), not_found, access_denied, cancelled, disk_full (with how much is missing),
  /// cannot_write.
  result<std::uint64_t> run();

private:
  attempt<void> once();
  attempt<void> get_rest();
  attempt<void> check();
  result<void> find_again();
  result<void> take(const http_answer& head, std::string_view bytes);
  result<void> start_over();
  result<void> digest_part();
  error with_missing(error problem) const;
  std::string name() const;

  const hub_cache& cache_;
  hub_client& client_;
  wanted_file file_;
  download_hooks hooks_;
  retry_wait wait_;
  std::optional<blob_writer> part_;
  std::optional<digest> digest_; ///< of the part so far; none where the etag is no digest
  std::uint64_t received_ = 0;
  std::uint64_t asked_from_ = 0; ///< by the request under way
  bool answered_ = false;        ///< and its answer has begun
  bool found_again_ = false;
  bool was_wrong_ = false;
};

} // namespace vef
