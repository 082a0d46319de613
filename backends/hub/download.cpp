#include <vef/backends/hub/download.hpp>

#include <vef/backends/guard.hpp>
#include <vef/backends/hub/crew.hpp>
#include <vef/backends/hub/file_download.hpp>
#include <vef/backends/hub/files.hpp>
#include <vef/backends/hub/free_space.hpp>
#include <vef/backends/hub/shards.hpp>
#include <vef/messages/bytes.hpp>

#include <mutex>
#include <numeric>
#include <random>

namespace vef {

namespace {

constexpr auto config = "config.json";
constexpr auto whole_weights = "model.safetensors";
constexpr auto weights_index = "model.safetensors.index.json";
constexpr std::uint64_t largest_index = 64_MiB;

/// One pull, step after step.
class puller {
public:
  puller(const model_name& name, const pull_options& options)
      : options_(options)
      , cache_(options.cache)
      , crew_(options.parallel, options.hub, options.stop)
      , out_{.name = name, .commit = {}, .snapshot = {}, .files = {}} {}

  result<pulled_model> run() {
    if (auto ok = resolve(); !ok) return fail(ok.error());
    if (auto ok = find_files(); !ok) return fail(ok.error());
    if (auto ok = check_space(); !ok) return fail(ok.error());
    if (auto ok = download(0); !ok) return fail(ok.error());
    if (auto ok = publish(); !ok) return fail(ok.error());
    return std::move(out_);
  }

private:
  using maybe_facts = std::optional<file_facts>;

  retries chances() const { return retries{options_.retries, std::random_device{}()}; }

  result<maybe_facts> find(hub_client& client, const model_name& model, const std::string& path) const {
    retry_wait wait{chances(), options_.pause, crew_.stop()};
    for (;;) {
      auto found = client.find(model, path);
      if (found) return std::move(*found);
      if (auto next = wait.before_next(found.error()); !next) return fail(next.error());
    }
  }

  model_name pinned() const { return {out_.name.id, out_.commit}; }

  // What is known of several files of the commit.
  result<std::vector<maybe_facts>> find_all(const std::vector<std::string>& paths) {
    std::vector<maybe_facts> all(paths.size());
    auto done = crew_.run(paths.size(), [&](std::size_t i, hub_client& client) -> result<void> {
      auto found = find(client, pinned(), paths[i]);
      if (!found) return fail(found.error());
      all[i] = std::move(*found);
      return {};
    });
    if (!done) return fail(done.error());
    return all;
  }

  // Whatever happens to the branch from here on, all files are those of one commit.
  result<void> resolve() {
    return crew_.run(1, [&](std::size_t, hub_client& client) -> result<void> {
      auto found = find(client, out_.name, config);
      if (!found) return fail(found.error());
      if (!*found) return no_config();
      out_.commit = (*found)->commit;
      return {};
    });
  }

  tl::unexpected<error> no_config() const {
    return fail(errc::not_found, "'" + out_.name.id + "' has no config.json at "
                                     + vef::quoted(out_.name.revision) + ": it is no model of transformers");
  }

  void want(const std::string& path, file_facts facts) {
    out_.files.push_back({path, facts.size, 0});
    wanted_.push_back({pinned(), path, std::move(facts)});
  }

  result<void> find_files() {
    const std::vector<std::string> paths{config, "preprocessor_config.json", "processor_config.json",
                                         whole_weights};
    auto found = find_all(paths);
    if (!found) return fail(found.error());
    if (!found->front()) return no_config();
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (const auto& facts = (*found)[i])
        want(paths[i], *facts);
      else
        missing_.push_back(paths[i]);
    }
    return found->back() ? result<void>{} : find_shards();
  }

  result<void> find_shards() {
    auto index = find_all({weights_index});
    if (!index) return fail(index.error());
    if (!index->front())
      return fail(errc::unsupported_model, "'" + out_.name.id + "' has no weights in safetensors at "
                                               + vef::quoted(out_.name.revision) + ": looked for "
                                               + whole_weights + " and " + weights_index);
    if (index->front()->size > largest_index)
      return fail(errc::corrupt_model, std::string{weights_index} + " of '" + out_.name.id + "' has "
                                           + format_bytes(index->front()->size) + ", which no index has");
    want(weights_index, *index->front());
    if (auto ok = download(wanted_.size() - 1); !ok) return ok;
    auto names = read_index();
    if (!names) return fail(names.error());
    auto shards = find_all(*names);
    if (!shards) return fail(shards.error());
    for (std::size_t i = 0; i < names->size(); ++i) {
      if (!(*shards)[i])
        return fail(errc::corrupt_model, std::string{weights_index} + " of '" + out_.name.id + "' names "
                                             + vef::quoted((*names)[i]) + ", which is not there");
      want((*names)[i], *(*shards)[i]);
    }
    return {};
  }

  result<std::vector<std::string>> read_index() const {
    auto blob = cache_.repository(out_.name.id) / "blobs" / wanted_.back().facts.etag;
    auto text = read_small_file(blob, largest_index);
    if (!text) return fail(errc::file_unreadable, "cannot read " + vef::quoted(blob.string()));
    auto names = shard_names(*text);
    if (!names) return fail(errc::corrupt_model, "'" + out_.name.id + "': " + names.error().what);
    return names;
  }

  result<void> check_space() const {
    auto needed = bytes_to_write(cache_, wanted_);
    auto there = options_.free_space ? options_.free_space(cache_.root()) : free_space_at(cache_.root());
    if (needed <= there) return {};
    return fail(errc::disk_full, "cannot pull '" + out_.name.id + "': it needs " + format_bytes(needed)
                                     + " more, and where " + vef::quoted(cache_.root().string()) + " is only "
                                     + format_bytes(there) + " are free: " + format_bytes(needed - there)
                                     + " are missing");
  }

  // The wanted files from one on.
  result<void> download(std::size_t begin) {
    for (auto i = begin; i < wanted_.size(); ++i) tell(i, 0);
    return crew_.run(wanted_.size() - begin, [&](std::size_t k, hub_client& client) -> result<void> {
      auto i = begin + k;
      download_hooks hooks{[this, i](std::uint64_t done) { tell(i, done); }, options_.pause, crew_.stop()};
      file_download one{cache_, client, wanted_[i], std::move(hooks), chances()};
      auto received = one.run();
      if (!received) return fail(received.error());
      out_.files[i].downloaded += *received;
      return {};
    });
  }

  void tell(std::size_t i, std::uint64_t done) {
    if (!options_.on_progress) return;
    std::lock_guard lock{telling_};
    options_.on_progress(wanted_[i].path, done, wanted_[i].facts.size);
  }

  // config.json, which comes first, is linked last: without it a folder is no model for anybody.
  result<void> publish() {
    for (const auto& path : missing_)
      if (auto ok = cache_.note_missing(out_.name.id, out_.commit, path); !ok) return ok;
    for (auto x = wanted_.rbegin(); x != wanted_.rend(); ++x) {
      auto file = cache_.link(x->model.id, out_.commit, x->path, x->facts.etag);
      if (!file) return fail(file.error());
      out_.snapshot = file->parent_path();
    }
    return cache_.write_ref(out_.name.id, out_.name.revision, out_.commit);
  }

  const pull_options& options_;
  hub_cache cache_;
  crew crew_;
  pulled_model out_;
  std::vector<wanted_file> wanted_; // in the order of out_.files
  std::vector<std::string> missing_;
  std::mutex telling_;
};

} // namespace

pull_options pull_options::from(const environment& variables) {
  pull_options out;
  out.hub.endpoint = hub_endpoint(variables);
  out.hub.token = hub_token(variables).value_or("");
  out.cache = hub_cache_folder(variables);
  out.offline = hub_is_offline(variables);
  return out;
}

std::uint64_t pulled_model::size() const {
  return std::accumulate(files.begin(), files.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const pulled_file& x) { return sum + x.size; });
}

std::uint64_t pulled_model::downloaded() const {
  return std::accumulate(files.begin(), files.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const pulled_file& x) { return sum + x.downloaded; });
}

result<pulled_model> pull(const model_name& name, const pull_options& options) {
  if (!is_model_id(name.id) || !is_safe_path(name.revision))
    return fail(errc::invalid_argument, "no model of the hub is named " + vef::quoted(name.id));
  if (options.offline)
    return fail(errc::invalid_argument,
                "cannot pull '" + name.id + "': HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE forbids the network");
  auto pulled = guarded(errc::internal, "pulling '" + name.id + '\'', [&] {
    return puller{name, options}.run();
  });
  if (!pulled && options.stop.stop_requested())
    return fail(errc::cancelled, "pulling '" + name.id + "' was stopped; what has come is kept");
  return pulled;
}

} // namespace vef
