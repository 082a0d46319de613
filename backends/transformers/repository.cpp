#include <vef/backends/transformers/repository.hpp>

#include <vef/backends/hub/files.hpp>
#include <vef/backends/hub/shards.hpp>
#include <vef/backends/log.hpp>

#include <algorithm>
#include <optional>
#include <string_view>
#include <tuple>

#include <sys/stat.h>

namespace vef {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_files = 10'000; ///< of weights, in a folder
constexpr std::size_t largest_index = 16 << 20;
constexpr const char* index_name = "model.safetensors.index.json";

bool is_file(const fs::path& x) {
  std::error_code none;
  return fs::is_regular_file(x, none);
}

bool is_checkpoint(const fs::path& folder) {
  return is_file(folder / "config.json")
         && (is_file(folder / "model.safetensors") || is_file(folder / index_name));
}

void log_left_out(const fs::path& item, const std::string& why) {
  log(log_level::warn, "looked for models and left out " + vef::quoted(item.string()) + ": " + why);
}

bool is_absent(const std::error_code& x) {
  return x == std::errc::no_such_file_or_directory || x == std::errc::not_a_directory;
}

// Walks two levels down.
class folder_search {
public:
  explicit folder_search(std::size_t most_entries)
      : most_entries_(most_entries) {}

  std::vector<found_checkpoint> run(const fs::path& root) {
    for (const auto& item : listing(root)) {
      if (same(item, root) || look_at(item, item.filename().string())) continue;
      for (const auto& inner : listing(item))
        if (!same(inner, root) && !same(inner, item))
          look_at(inner, item.filename().string() + '/' + inner.filename().string());
    }
    std::ranges::sort(found_, {}, &found_checkpoint::id);
    return std::move(found_);
  }

private:
  // A link that leads back to where the search came from would give every model twice.
  static bool same(const fs::path& item, const fs::path& above) {
    std::error_code none;
    if (!fs::equivalent(item, above, none)) return false;
    log_left_out(item, "the link leads back to " + vef::quoted(above.string()));
    return true;
  }

  // Whether there is nothing to look for inside: it is a checkpoint, or can't be read.
  bool look_at(const fs::path& item, const std::string& id) {
    std::error_code problem;
    std::ignore = fs::status(item / "config.json", problem);
    if (problem && !is_absent(problem)) {
      log_left_out(item, problem.message());
      return true;
    }
    if (!is_checkpoint(item)) return false;
    found_.push_back({id, item, {}});
    return true;
  }

  // The folders in a folder, in the order of their names.
  std::vector<fs::path> listing(const fs::path& folder) {
    std::vector<fs::path> out;
    std::error_code problem;
    fs::directory_iterator it{folder, problem};
    for (; !problem && it != fs::directory_iterator{}; it.increment(problem)) {
      if (++entries_ > most_entries_) {
        if (entries_ == most_entries_ + 1)
          log_left_out(folder, "more than " + std::to_string(most_entries_)
                                   + " entries so far, and the rest is not looked at");
        break;
      }
      if (it->path().filename().string().starts_with('.')) continue;
      std::error_code unreadable;
      if (it->is_directory(unreadable)) out.push_back(it->path());
      if (unreadable && !is_absent(unreadable)) log_left_out(it->path(), unreadable.message());
    }
    if (problem) log_left_out(folder, problem.message());
    std::ranges::sort(out);
    return out;
  }

  std::size_t most_entries_;
  std::size_t entries_ = 0;
  std::vector<found_checkpoint> found_;
};

// A file of a snapshot that isn't there, nothing if it is whole.
std::optional<std::string> missing_file(const fs::path& folder) {
  if (!is_file(folder / "config.json")) return "config.json";
  if (is_file(folder / "model.safetensors")) return {};
  auto text = read_small_file(folder / index_name, largest_index);
  if (!text) return "model.safetensors";
  auto shards = shard_names(*text);
  // A malformed index is for whoever loads the model to complain of.
  if (!shards) return {};
  for (const auto& name : *shards)
    if (!is_file(folder / name)) return name;
  return {};
}

// When a snapshot's folder last gained a file; the least of all times if it is gone.
fs::file_time_type time_of(const fs::path& folder) {
  std::error_code gone;
  auto time = fs::last_write_time(folder, gone);
  return gone ? fs::file_time_type::min() : time;
}

std::optional<found_checkpoint> choose(const hub_cache& cache, const cached_model& model) {
  found_checkpoint x{model.id, {}, "main"};
  if (auto main = cache.snapshot({model.id})) {
    x.folder = *main;
  } else if (!model.snapshots.empty()) {
    auto newest =
        std::ranges::max_element(model.snapshots, {}, [](const auto& s) { return time_of(s.folder); });
    x.folder = newest->folder;
    x.revision = newest->commit;
  } else {
    return {};
  }
  auto missing = missing_file(x.folder);
  if (!missing) return x;
  log(log_level::debug, "left out the cached model " + vef::quoted(model.id) + ": "
                            + vef::quoted(x.folder.string()) + " has no " + vef::quoted(*missing));
  return {};
}

// FNV-1a of 64 bits.
class mixer {
public:
  void add(std::string_view text) {
    for (auto c : text) add_byte(static_cast<unsigned char>(c));
    add_byte(0);
  }
  void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) add_byte((number >> shift) & 0xff);
  }
  std::uint64_t value() const { return value_; }

private:
  void add_byte(std::uint64_t byte) { value_ = (value_ ^ byte) * 0x100000001b3u; }
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

// The files whose change makes it another model, in the order of their names.
std::vector<std::string> files_that_matter(const fs::path& folder) {
  std::vector<std::string> out{"config.json", "preprocessor_config.json", "processor_config.json",
                               index_name};
  std::error_code problem;
  fs::directory_iterator it{folder, problem};
  for (; !problem && it != fs::directory_iterator{} && out.size() < most_files; it.increment(problem))
    if (it->path().extension() == ".safetensors") out.push_back(it->path().filename().string());
  std::ranges::sort(out);
  return out;
}

} // namespace

std::vector<found_checkpoint> find_checkpoints(const fs::path& root, std::size_t most_entries) {
  if (is_file(root / "config.json")) {
    // "models/." and "models/" have no last part of their own.
    std::error_code none;
    auto name = fs::weakly_canonical(root, none).filename().string();
    if (is_checkpoint(root)) return {{name.empty() ? root.string() : name, root, {}}};
    log(log_level::warn, "left a model out: " + vef::quoted(root.string())
                             + " has config.json, and neither model.safetensors nor " + index_name);
    return {};
  }
  return folder_search{most_entries}.run(root);
}

std::vector<found_checkpoint> find_cached(const hub_cache& cache) {
  std::vector<found_checkpoint> out;
  for (const auto& model : cache.models())
    if (auto x = choose(cache, model)) out.push_back(std::move(*x));
  return out;
}

std::uint64_t fingerprint(const std::vector<found_checkpoint>& found) {
  mixer sum;
  for (const auto& x : found) {
    sum.add(x.id);
    sum.add(x.folder.string());
    sum.add(x.revision);
    for (const auto& name : files_that_matter(x.folder)) {
      struct stat facts {};
      if (::stat((x.folder / name).c_str(), &facts) != 0) continue;
      sum.add(name);
      sum.add(static_cast<std::uint64_t>(facts.st_size));
      sum.add(static_cast<std::uint64_t>(facts.st_mtim.tv_sec));
      sum.add(static_cast<std::uint64_t>(facts.st_mtim.tv_nsec));
    }
  }
  return sum.value();
}

} // namespace vef
