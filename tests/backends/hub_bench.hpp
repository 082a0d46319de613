#pragma once

#include "support/hub_server.hpp"
#include "support/scratch.hpp"

#include <vef/backends/hub/cache.hpp>
#include <vef/backends/hub/download.hpp>

#include <atomic>

namespace vef::test {

/// A hub with a model, an empty cache, and pauses that pass at once.
struct hub_bench {
  using host = hub_server::host;

  hub_server server;
  scratch folder;
  hub_cache cache{folder / "hub"};
  std::mutex mutex;
  std::vector<std::chrono::milliseconds> pauses;

  hub_bench() { server.put_model(); }

  pull_options options() {
    pull_options x;
    x.hub.endpoint = server.endpoint();
    x.hub.token = "hf_secret";
    x.cache = cache.root();
    x.pause = [this](std::chrono::milliseconds time, const std::stop_token& stop) {
      std::lock_guard lock{mutex};
      pauses.push_back(time);
      return !stop.stop_requested();
    };
    return x;
  }

  result<pulled_model> pull(const std::string& revision = "main") { return pull_with(options(), revision); }
  static result<pulled_model> pull_with(const pull_options& x, const std::string& revision = "main") {
    return vef::pull({hub_server::id, revision}, x);
  }
  error refusal(const std::string& revision = "main") {
    auto x = pull(revision);
    return x ? error{} : x.error();
  }

  std::size_t asked(host where, const char* method, const std::string& path) const {
    return server.seen(where, method, path).size();
  }

  /// The content of a file as a reader finds it; empty where there is none.
  std::string content(const std::string& path) const {
    auto found = cache.find_file(hub_server::id, server.commit, path);
    return found ? content_of(*found) : "";
  }
  bool is_whole(const std::string& path) const {
    return !content(path).empty() && content(path) == server.content(path);
  }

  /// No link, no revision: readers see nothing.
  bool shows_nothing() const {
    auto repository = cache.repository(hub_server::id);
    return !std::filesystem::exists(repository / "snapshots")
           && !std::filesystem::exists(repository / "refs");
  }

  /// Bytes in part files.
  std::uintmax_t parts() const {
    std::uintmax_t sum = 0;
    std::error_code none;
    for (const auto& x :
         std::filesystem::directory_iterator{cache.repository(hub_server::id) / "blobs", none})
      if (x.path().extension() == ".incomplete") sum += x.file_size();
    return sum;
  }
};

inline bool mentions(const error& x, const std::string& text) {
  return x.what.find(text) != std::string::npos;
}

} // namespace vef::test
