#pragma once

#include <vef/backends/hub/cache.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace vef {

/// A folder with a network in the format of Hugging Face's transformers: config.json and weights in
/// model.safetensors, or in several files that model.safetensors.index.json names.
struct found_checkpoint {
  std::string id; ///< "ORG/NAME" of the Hub, or the path from where the search began, with '/'
  std::filesystem::path folder;
  std::string revision; ///< "main" or a commit; empty for a folder outside the Hub's cache

  bool operator==(const found_checkpoint&) const = default;
};

/// The checkpoints of a folder of the user's: the folder itself if it holds config.json, by its own name,
/// else those one or two levels down, NAME or ORG/NAME, by id. What is hidden, and below a checkpoint, is not
/// looked at; links are followed. What can't be read is left out with a line of log, and so is the rest once
/// `most_entries` files and folders were seen. Looks at names only.
std::vector<found_checkpoint> find_checkpoints(const std::filesystem::path& root,
                                               std::size_t most_entries = 10'000);

/// The checkpoints of the Hub's cache, by id: each model as `main` was when last downloaded, or if that was
/// never, its newest snapshot. A snapshot that lacks config.json or any file of weights is left out. Reads
/// the indexes of weights in several files.
std::vector<found_checkpoint> find_cached(const hub_cache& cache);

/// A number that changes when a checkpoint comes or goes, or one of its files of settings or weights is
/// replaced or written: their times and sizes, links followed. Asks the file system only; nothing is read.
std::uint64_t fingerprint(const std::vector<found_checkpoint>& found);

} // namespace vef
