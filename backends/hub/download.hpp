#pragma once

#include <vef/backends/hub/environment.hpp>
#include <vef/backends/hub/hub_client.hpp>
#include <vef/backends/hub/retry_wait.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace vef {

struct pull_options {
  hub_access hub = {};
  std::filesystem::path cache = {}; ///< its root; made where it is missing
  bool offline = false;             ///< refuse
  unsigned parallel = 4;            ///< files at once, and threads
  std::stop_token stop = {};        ///< what has come stays, to be gone on with

  /// Called for each file before the first byte comes, and then as they come, from several threads but never
  /// by two at once. Must not throw.
  std::function<void(const std::string& file, std::uint64_t done, std::uint64_t total)> on_progress = {};

  retry_limits retries = {};
  pause_function pause = pause_for;

  /// Bytes that a user may still write into a folder that exists.
  std::function<std::uint64_t(const std::filesystem::path&)> free_space = {}; ///< empty: the disk's

  /// The endpoint, the token, the cache and HF_HUB_OFFLINE from variables.
  static pull_options from(const environment& variables);
};

struct pulled_file {
  std::string path;
  std::uint64_t size = 0;
  std::uint64_t downloaded = 0; ///< bytes that came over the network
};

struct pulled_model {
  model_name name;
  std::string commit;
  std::filesystem::path snapshot; ///< the folder with the files
  std::vector<pulled_file> files; ///< all that an embedding needs

  std::uint64_t size() const;
  std::uint64_t downloaded() const;
};

/// Brings what an embedding needs of a model into the Hub's cache: config.json, the two forms of processor
/// settings where they exist, and model.safetensors or the files that its index names. The revision is
/// resolved once, and all files are those of that commit. Links and the revision's name are written when all
/// files are there, so that readers, Python programs among them, see the whole or nothing. Returns when all
/// its threads have ended.
///
/// Errors: not_found, access_denied, download_failed, unsupported_model (no weights in safetensors),
/// corrupt_model (an index that makes no sense), disk_full, cannot_write, cancelled, invalid_argument.
result<pulled_model> pull(const model_name& name, const pull_options& options);

} // namespace vef
