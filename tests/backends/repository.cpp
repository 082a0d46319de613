// Folders of checkpoints, found without being read.
#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/backends/transformers/repository.hpp>

#include <algorithm>
#include <chrono>

#include <unistd.h>

using namespace vef;
using namespace vef::test;
namespace fs = std::filesystem;

namespace {

const std::string commit(40, 'a');
const std::string other_commit(40, 'b');

struct models_folder : scratch {
  fs::path root = folder() / "models";
  models_folder() { fs::create_directories(root); }

  void put_checkpoint(const std::string& name) {
    put("models/" + name + "/config.json", "{}");
    put("models/" + name + "/model.safetensors", "weights");
  }

  std::vector<std::string> ids() {
    std::vector<std::string> out;
    for (const auto& x : find_checkpoints(root)) out.push_back(x.id);
    return out;
  }

  using names = std::vector<std::string>;
};

struct cached_models : scratch {
  hub_cache cache{folder() / "hub"};

  std::string snapshot(const std::string& model, const std::string& at) {
    return "hub/models--" + model + "/snapshots/" + at + "/";
  }
  void put_whole(const std::string& model, const std::string& at) {
    put(snapshot(model, at) + "config.json");
    put(snapshot(model, at) + "model.safetensors");
  }
};

} // namespace

TEST_CASE_METHOD(models_folder, "checkpoints are found one and two levels down, by their ids") {
  put_checkpoint("org/b");
  put_checkpoint("org/a");
  put_checkpoint("vit");
  put("models/sharded/config.json");
  put("models/sharded/model.safetensors.index.json");
  put("models/notes.txt");
  put("models/no-weights/config.json");
  put("models/no-config/model.safetensors");
  put("models/pickle/config.json");
  put("models/pickle/pytorch_model.bin");
  put_checkpoint("a/b/too-deep");
  put_checkpoint(".hidden");
  put_checkpoint("org/.hidden");
  put_checkpoint("vit/inside");
  CHECK(ids() == names{"org/a", "org/b", "sharded", "vit"});
  CHECK(find_checkpoints(root).at(0) == found_checkpoint{"org/a", root / "org/a", ""});
}

TEST_CASE_METHOD(models_folder, "a folder that is a checkpoint is the only one in it") {
  put_checkpoint("vit");
  put_checkpoint("vit/inside");
  CHECK(find_checkpoints(root / "vit") == std::vector{found_checkpoint{"vit", root / "vit", ""}});
  CHECK(find_checkpoints((root / "vit/").string()).at(0).id == "vit");
  fs::remove(root / "vit/model.safetensors");
  CHECK(find_checkpoints(root / "vit").empty());
}

TEST_CASE_METHOD(models_folder, "where there is no folder there are no checkpoints") {
  CHECK(find_checkpoints(root / "none").empty());
  CHECK(find_checkpoints(put("models/file")).empty());
}

TEST_CASE_METHOD(models_folder, "links to checkpoints are followed, and rings of links left out") {
  put_checkpoint("org/vit");
  auto elsewhere = fs::path{put("elsewhere/config.json")}.parent_path();
  put("elsewhere/model.safetensors");
  fs::create_directory_symlink(elsewhere, root / "linked");
  fs::create_directory_symlink(".", root / "self");
  fs::create_directory_symlink("..", root / "org/up");
  fs::create_directory_symlink("ring", root / "ring");
  fs::create_directory_symlink("gone", root / "dangling");
  put("models/broken/model.safetensors");
  fs::create_symlink("config.json", root / "broken/config.json");
  CHECK(ids() == names{"linked", "org/vit"});
}

TEST_CASE_METHOD(models_folder, "a folder that can't be read is left out") {
  put_checkpoint("locked");
  put_checkpoint("org/locked");
  put_checkpoint("vit");
  fs::permissions(root / "locked", fs::perms::none);
  fs::permissions(root / "org/locked", fs::perms::none);
  auto found = ids();
  fs::permissions(root / "locked", fs::perms::owner_all);
  fs::permissions(root / "org/locked", fs::perms::owner_all);
  // Nothing is locked to the superuser.
  CHECK(found == (::geteuid() == 0 ? names{"locked", "org/locked", "vit"} : names{"vit"}));
}

TEST_CASE_METHOD(models_folder, "where there is too much to look at, what comes first is found") {
  put_checkpoint("found");
  put_checkpoint("later/vit");
  for (int i = 0; i < 5; ++i) put("models/a/" + std::to_string(i));
  CHECK(find_checkpoints(root, 9).size() == 2);
  auto found = find_checkpoints(root, 8);
  REQUIRE(found.size() == 1);
  CHECK(found[0].id == "found");
}

TEST_CASE_METHOD(cached_models, "a cached model is the snapshot that main stands for") {
  put_whole("org--vit", commit);
  put_whole("org--vit", other_commit);
  put("hub/models--org--vit/refs/main", commit);
  CHECK(find_cached(cache)
        == std::vector{
            found_checkpoint{"org/vit", cache.root() / "models--org--vit/snapshots" / commit, "main"}});
}

TEST_CASE_METHOD(cached_models, "without main a cached model is its newest snapshot") {
  put_whole("vit", commit);
  put_whole("vit", other_commit);
  auto older = fs::last_write_time(folder()) - std::chrono::hours{1};
  auto snapshots = cache.root() / "models--vit/snapshots";
  auto newest = GENERATE(commit, other_commit);
  fs::last_write_time(snapshots / (newest == commit ? other_commit : commit), older);
  CHECK(find_cached(cache) == std::vector{found_checkpoint{"vit", snapshots / newest, newest}});
}

TEST_CASE_METHOD(cached_models, "a snapshot that lacks a file is left out") {
  put(snapshot("no-weights", commit) + "config.json");
  put(snapshot("no-config", commit) + "model.safetensors");
  auto at = snapshot("sharded", commit);
  put(at + "config.json");
  put(at + "model.safetensors.index.json",
      R"({"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}})");
  put(at + "model-1-of-2.safetensors");
  auto dangling = folder() / snapshot("dangling", commit);
  put(snapshot("dangling", commit) + "config.json");
  fs::create_symlink("../../blobs/" + std::string(64, 'c'), dangling / "model.safetensors");
  fs::create_directories(cache.root() / "models--nothing/blobs");
  CHECK(find_cached(cache).empty());

  put(at + "model-2-of-2.safetensors");
  put("hub/models--dangling/blobs/" + std::string(64, 'c'));
  auto found = find_cached(cache);
  REQUIRE(found.size() == 2);
  CHECK(found[0].id == "dangling");
  CHECK(found[1].id == "sharded");
}

TEST_CASE_METHOD(models_folder, "the fingerprint changes with the folders and their files") {
  put_checkpoint("a");
  put_checkpoint("b");
  auto now = [&] { return fingerprint(find_checkpoints(root)); };
  auto before = now();
  CHECK(now() == before);

  SECTION("one more") { put_checkpoint("c"); }
  SECTION("one less") { fs::remove_all(root / "b"); }
  SECTION("another name") { fs::rename(root / "b", root / "c"); }
  SECTION("another size") { put("models/a/config.json", "{ }"); }
  SECTION("another time") {
    auto file = root / "a/model.safetensors";
    fs::last_write_time(file, fs::last_write_time(file) + std::chrono::milliseconds{1});
  }
  SECTION("settings for pictures") { put("models/a/preprocessor_config.json"); }
  SECTION("settings for pictures in their newer place") { put("models/a/processor_config.json"); }
  SECTION("weights in several files") { put("models/a/model-00001-of-00002.safetensors"); }
  SECTION("a link that leads elsewhere") {
    auto file = root / "a/model.safetensors";
    fs::rename(file, folder() / "blob");
    fs::create_symlink(folder() / "blob", file);
    REQUIRE(now() == before);
    put("other", "other weights");
    fs::remove(file);
    fs::create_symlink(folder() / "other", file);
  }
  CHECK(now() != before);
}

TEST_CASE_METHOD(models_folder, "the fingerprint stays where a file changes that doesn't matter") {
  put_checkpoint("a");
  auto before = fingerprint(find_checkpoints(root));
  put("models/a/README.md");
  CHECK(fingerprint(find_checkpoints(root)) == before);
}
