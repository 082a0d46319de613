#pragma once

#include <vef/messages/memory.hpp>

#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vef {

/// What is known of each model from its use so far: how often and when it was used, how long its load takes,
/// what it was measured to need. Estimates for loads and costs for evictions come from here.
///
/// Pure bookkeeping: knows no actors and no clocks.
class usage_book {
public:
  /// Counts, bytes and times beyond this are taken for this: whatever the books hold can be written and read.
  static constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();

  /// The model was asked for `requests` requests whose pictures got `images` vectors.
  void record_usage(const model_key& who, std::uint64_t requests, std::uint64_t images, timestamp now);

  /// It was loaded from disk into the result's tier. `estimated`: what the catalog said of its weights there,
  /// in bytes; 0: nothing.
  void mark_loaded(const load_result& x, std::uint64_t estimated, timestamp now);

  /// It moved to another tier. Learns what it needs there, in place of what was learned of that tier before.
  void mark_moved(const load_result& x);

  /// It is out of memory. Says nothing of a model that was not in memory.
  void mark_unloaded(const model_key& who, timestamp now);

  /// What passes over so many pictures were measured to need. The larger figure for a number of pictures
  /// stays; at most 32 numbers of pictures are kept, those seen last, in the order in which they were seen.
  /// Samples of no pictures or no bytes say nothing and are left out.
  void learn_working(const model_key& who, const std::vector<working_sample>& samples);

  /// nullptr: nothing is known of it.
  const model_usage* find(const model_key& who) const;

  std::vector<model_usage> all() const;

  /// Forgets where models are, which a restart changes, and keeps the rest. `now`: until when they count as
  /// having been in memory.
  void forget_residence(timestamp now);

  /// As JSON, and back. Errors: invalid_config with the reason, for what is corrupt or of a newer version.
  std::string to_json() const;
  static result<usage_book> from_json(std::string_view text);

  bool operator==(const usage_book&) const = default;

private:
  struct entry {
    model_usage usage;
    bool estimated = false; ///< some load had an estimate, so that an error of 0 means that it was right

    bool operator==(const entry&) const = default;
  };

  entry& entry_of(const model_key& who);

  std::map<model_key, entry> models_;
};

/// Reads the books that an earlier run kept. Without a file they are empty. Errors: file_unreadable,
/// invalid_config, also for more than 16 MiB; the caller starts with empty books and says so.
result<usage_book> read_usage(const std::filesystem::path& file);

/// Writes beside the file and renames, so that a reader never sees half of it; makes its folder. Errors:
/// cannot_write, disk_full.
result<void> write_usage(const usage_book& x, const std::filesystem::path& file);

} // namespace vef
