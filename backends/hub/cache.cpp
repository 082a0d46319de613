#include <vef/backends/hub/cache.hpp>

#include <vef/backends/hub/files.hpp>
#include <vef/backends/log.hpp>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vef {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest_ref = 4096;
constexpr int deepest_ref = 8;

// What lies in a folder, in the order of the names; a folder that isn't there is empty.
std::vector<fs::path> listing(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code problem;
  fs::directory_iterator it{folder, problem};
  for (; !problem && it != fs::directory_iterator{}; it.increment(problem)) found.push_back(it->path());
  if (problem && problem != std::errc::no_such_file_or_directory)
    log(log_level::warn,
        "cannot list the folder " + vef::quoted(folder.string()) + " of the cache: " + problem.message());
  std::ranges::sort(found);
  return found;
}

std::optional<std::string> read_commit(const fs::path& ref) {
  auto text = read_small_file(ref, longest_ref);
  if (!text) return {};
  constexpr std::string_view blanks = " \t\r\n";
  text->erase(text->find_last_not_of(blanks) + 1);
  text->erase(0, std::min(text->find_first_not_of(blanks), text->size()));
  if (!is_commit(*text)) return {};
  return text;
}

// Links between folders of revisions are not followed: nobody makes them, and they could lead round in a
// ring.
void read_revisions(const fs::path& folder, const std::string& before, int depth,
                    std::vector<cached_revision>& out) {
  for (const auto& item : listing(folder)) {
    auto name = before + item.filename().string();
    std::error_code none;
    if (fs::is_directory(fs::symlink_status(item, none))) {
      if (depth < deepest_ref) read_revisions(item, name + '/', depth + 1, out);
    } else if (auto commit = read_commit(item)) {
      out.push_back({name, *commit});
    }
  }
}

error refusal(const std::string& what, const std::string& name) {
  return {errc::invalid_argument,
          what + " " + vef::quoted(name) + " has no place in the cache of models: it is malformed"};
}

// Nothing if all four may be parts of a path; an empty one is not looked at.
error check(const std::string& id, const std::string& commit, const std::string& path = {},
            const std::string& etag = {}) {
  if (!is_model_id(id)) return refusal("the model", id);
  if (!is_commit(commit)) return refusal("the commit", commit);
  if (!path.empty() && !is_safe_path(path)) return refusal("the file", path);
  if (!etag.empty() && !is_safe_etag(etag)) return refusal("the etag", etag);
  return {};
}

// Gives `made` its final name, or takes it away.
result<void> place(const fs::path& made, const fs::path& path, const std::string& what) {
  if (::rename(made.c_str(), path.c_str()) == 0) return {};
  auto reason = errno;
  ::unlink(made.c_str());
  return fail(cannot_write(what, path, reason));
}

// Temporary names lie in the folder of the repository itself, where no reader of links or revisions looks.
fs::path temporary(const fs::path& repository) { return repository / ("." + eight_digits() + ".tmp"); }

bool is_folder(const fs::path& x) {
  std::error_code none;
  return fs::is_directory(x, none);
}

bool is_file(const fs::path& x) {
  std::error_code none;
  return fs::is_regular_file(x, none);
}

} // namespace

// -- reading ---

std::vector<cached_model> hub_cache::models() const {
  std::vector<cached_model> out;
  for (const auto& folder : listing(root_)) {
    auto id = id_of_folder(folder.filename().string());
    if (!id || !is_folder(folder)) continue;
    cached_model x{*id, folder, {}, {}};
    read_revisions(folder / "refs", "", 0, x.revisions);
    for (const auto& item : listing(folder / "snapshots")) {
      auto commit = item.filename().string();
      if (is_commit(commit) && is_folder(item)) x.snapshots.push_back({commit, item});
    }
    out.push_back(std::move(x));
  }
  std::ranges::sort(out, {}, &cached_model::id);
  return out;
}

std::optional<std::string> hub_cache::commit_of(const model_name& x) const {
  if (is_commit(x.revision)) return x.revision;
  if (!is_model_id(x.id) || !is_safe_path(x.revision)) return {};
  return read_commit(repository(x.id) / "refs" / x.revision);
}

result<fs::path> hub_cache::snapshot(const model_name& x) const {
  if (!is_model_id(x.id)) return fail(refusal("the model", x.id));
  if (!is_safe_path(x.revision)) return fail(refusal("the revision", x.revision));
  auto what = "model " + vef::quoted(x.id);
  auto where = ", in the cache " + vef::quoted(root_.string());
  if (!is_folder(repository(x.id))) return fail(errc::not_found, "no " + what + where);
  auto commit = commit_of(x);
  if (!commit)
    return fail(errc::not_found, "no revision " + vef::quoted(x.revision) + " of the " + what + where);
  auto folder = repository(x.id) / "snapshots" / *commit;
  if (!is_folder(folder)) return fail(errc::not_found, "no files of the " + what + " at " + *commit + where);
  return folder;
}

std::optional<fs::path> hub_cache::find_file(const std::string& id, const std::string& commit,
                                             const std::string& path) const {
  if (path.empty() || check(id, commit, path)) return {};
  auto file = repository(id) / "snapshots" / commit / path;
  if (!is_file(file)) return {};
  return file;
}

bool hub_cache::is_known_missing(const std::string& id, const std::string& commit,
                                 const std::string& path) const {
  return !path.empty() && !check(id, commit, path) && is_file(repository(id) / ".no_exist" / commit / path);
}

bool hub_cache::has_blob(const std::string& id, const std::string& etag) const {
  return is_model_id(id) && is_safe_etag(etag) && is_file(repository(id) / "blobs" / etag);
}

// -- writing ---

result<fs::path> hub_cache::link(const std::string& id, const std::string& commit, const std::string& path,
                                 const std::string& etag) const {
  if (path.empty()) return fail(refusal("the file", path));
  if (etag.empty()) return fail(refusal("the etag", etag));
  if (auto bad = check(id, commit, path, etag)) return fail(bad);
  auto file = repository(id) / "snapshots" / commit / path;
  if (!has_blob(id, etag))
    return fail(errc::cannot_write,
                "cannot link " + vef::quoted(file.string()) + ": the cache has no blob " + etag);
  if (auto made = make_folders(file.parent_path()); !made) return fail(made.error());
  fs::path target = "../../";
  for (auto depth = std::ranges::count(path, '/'); depth > 0; --depth) target /= "..";
  target /= fs::path{"blobs"} / etag;
  auto made = temporary(repository(id));
  if (::symlink(target.c_str(), made.c_str()) != 0) return fail(cannot_write("link", file, errno));
  if (auto done = place(made, file, "link"); !done) return fail(done.error());
  return file;
}

result<void> hub_cache::write_ref(const std::string& id, const std::string& revision,
                                  const std::string& commit) const {
  if (!is_safe_path(revision)) return fail(refusal("the revision", revision));
  if (auto bad = check(id, commit)) return fail(bad);
  if (is_commit(revision) || commit_of({id, revision}) == commit) return {};
  auto ref = repository(id) / "refs" / revision;
  if (auto made = make_folders(ref.parent_path()); !made) return made;
  auto made = temporary(repository(id));
  descriptor file{::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  if (file.number() < 0) return fail(cannot_write("write", ref, errno));
  auto bytes = std::span{reinterpret_cast<const std::uint8_t*>(commit.data()), commit.size()};
  auto reason = write_all(file.number(), bytes);
  if (reason == 0 && ::fsync(file.number()) != 0 && errno != EINVAL) reason = errno;
  if (reason == 0) return place(made, ref, "write");
  ::unlink(made.c_str());
  return fail(cannot_write("write", ref, reason));
}

result<void> hub_cache::note_missing(const std::string& id, const std::string& commit,
                                     const std::string& path) const {
  if (path.empty()) return fail(refusal("the file", path));
  if (auto bad = check(id, commit, path)) return fail(bad);
  auto note = repository(id) / ".no_exist" / commit / path;
  if (auto made = make_folders(note.parent_path()); !made) return made;
  descriptor file{::open(note.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666)};
  if (file.number() < 0) return fail(cannot_write("write", note, errno));
  return {};
}

} // namespace vef
