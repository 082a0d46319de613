#pragma once

#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/backends/hub/blob_writer.hpp>
#include <vef/backends/hub/cache.hpp>

#include <set>

namespace vef::test {

inline const std::string commit(40, 'a');
inline const std::string other_commit(40, 'b');
inline const std::string etag(64, 'c');
inline const std::string id = "org/name";
inline const std::string model_folder = "models--org--name";

inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// A cache of a test's own, and one model in it.
struct cache_folder : scratch {
  hub_cache cache{folder() / "hub"};
  std::filesystem::path root = cache.root();

  blob_writer open(const lock_wait& wait = {}) {
    auto x = blob_writer::open(cache, id, etag, wait);
    if (!x) FAIL(x.error().what);
    return std::move(*x);
  }

  void write_blob(std::string_view content = "content") {
    auto x = open();
    REQUIRE(x.append(bytes_of(content)));
    REQUIRE(x.commit());
  }

  /// Everything in the cache, with what links and files say.
  std::set<std::string> everything() {
    std::set<std::string> out;
    for (const auto& x : std::filesystem::recursive_directory_iterator{root}) {
      auto name = x.path().lexically_relative(root).string();
      if (x.is_symlink()) {
        out.insert(name + " -> " + std::filesystem::read_symlink(x).string());
      } else if (x.is_regular_file()) {
        out.insert(name + " = " + content_of(x));
      }
    }
    return out;
  }

  std::vector<std::filesystem::path> parts() {
    std::vector<std::filesystem::path> out;
    for (const auto& x : std::filesystem::directory_iterator{root / model_folder / "blobs"})
      if (x.path().extension() == ".incomplete") out.push_back(x.path());
    return out;
  }
};

} // namespace vef::test
