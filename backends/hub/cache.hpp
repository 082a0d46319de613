#pragma once

#include <vef/backends/hub/model_name.hpp>

#include <filesystem>
#include <vector>

namespace vef {

/// A revision that the cache knows by name.
struct cached_revision {
  std::string name; ///< "main", "v1.0", "refs/pr/1"
  std::string commit;
};

/// The files of a model at one commit: those that were ever asked for, which need not be all.
struct cached_snapshot {
  std::string commit;
  std::filesystem::path folder;
};

/// A model in the cache.
struct cached_model {
  std::string id;
  std::filesystem::path folder; ///< models--ORG--NAME
  std::vector<cached_revision> revisions;
  std::vector<cached_snapshot> snapshots;
};

/// Models that Python programs have downloaded shouldn't be downloaded again, nor the other way round. So
/// this is the cache of Python's huggingface_hub (its guide "Understand caching"), read and written as it
/// does it:
///
///     models--ORG--NAME/refs/main              the commit that a revision stands for
///     models--ORG--NAME/snapshots/COMMIT/PATH  a link to ../../blobs/ETAG
///     models--ORG--NAME/blobs/ETAG             the bytes; blob_writer.hpp writes them
///     models--ORG--NAME/.no_exist/COMMIT/PATH  empty: known not to exist
///
/// Write in this order: blob, link, revision. Every file appears whole, by a rename, so that readers need no
/// lock. Paths and names come from elsewhere and are checked: what leaves its folder is `invalid_argument`.
/// Errors of writing name the file and the reason: cannot_write, disk_full.
/// Holds only the folder's name; any number of threads and processes may use the same cache.
class hub_cache {
public:
  /// The folder need not exist.
  explicit hub_cache(std::filesystem::path root)
      : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  /// root/models--ORG--NAME; of an id that parse_model_name() would take.
  std::filesystem::path repository(const std::string& id) const { return root_ / repository_folder(id); }

  // -- reading ---

  /// All models, by id; what can't be read is left out with a line of log.
  std::vector<cached_model> models() const;

  /// The commit that a revision stands for: itself if it is one, else as it was when last downloaded.
  std::optional<std::string> commit_of(const model_name& x) const;

  /// The folder of the model's files at that revision. Errors: not_found, invalid_argument.
  result<std::filesystem::path> snapshot(const model_name& x) const;

  /// A file of a snapshot, if the cache has it; links are followed wherever they lead.
  std::optional<std::filesystem::path> find_file(const std::string& id, const std::string& commit,
                                                 const std::string& path) const;

  /// Whether note_missing() was called, by this program or another.
  bool is_known_missing(const std::string& id, const std::string& commit, const std::string& path) const;

  /// Whether the bytes of an etag are there.
  bool has_blob(const std::string& id, const std::string& etag) const;

  // -- writing ---

  /// Makes the file of a snapshot a relative link to a blob that is there, in place of what was there
  /// before; the answer is the file. File systems without symbolic links are not served.
  result<std::filesystem::path> link(const std::string& id, const std::string& commit,
                                     const std::string& path, const std::string& etag) const;

  /// Notes what a revision stands for; nothing to note for a commit.
  result<void> write_ref(const std::string& id, const std::string& revision, const std::string& commit) const;

  /// Notes that a repository has no such file at a commit.
  result<void> note_missing(const std::string& id, const std::string& commit, const std::string& path) const;

private:
  std::filesystem::path root_;
};

} // namespace vef
