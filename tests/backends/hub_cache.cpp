// The Hub's cache on disk, byte for byte as Python programs read and write it.
#include "hub_cache_support.hpp"

#include <sys/stat.h>

using namespace vef;
using namespace vef::test;
namespace fs = std::filesystem;

TEST_CASE_METHOD(cache_folder, "what is written has the layout of the Hub's cache") {
  write_blob();
  REQUIRE(cache.link(id, commit, "config.json", etag));
  REQUIRE(cache.link(id, commit, "onnx/deep/model.onnx", etag));
  REQUIRE(cache.write_ref(id, "main", commit));
  REQUIRE(cache.write_ref(id, "refs/pr/1", other_commit));
  REQUIRE(cache.note_missing(id, commit, "sub/processor_config.json"));
  CHECK(everything()
        == std::set<std::string>{
            ".locks/" + model_folder + "/" + etag + ".lock = ",
            model_folder + "/blobs/" + etag + " = content",
            model_folder + "/snapshots/" + commit + "/config.json -> ../../blobs/" + etag,
            model_folder + "/snapshots/" + commit + "/onnx/deep/model.onnx -> ../../../../blobs/" + etag,
            model_folder + "/refs/main = " + commit,
            model_folder + "/refs/refs/pr/1 = " + other_commit,
            model_folder + "/.no_exist/" + commit + "/sub/processor_config.json = ",
        });
  CHECK(content_of(root / model_folder / "snapshots" / commit / "onnx/deep/model.onnx") == "content");
}

TEST_CASE_METHOD(cache_folder, "what is written is read back") {
  write_blob();
  REQUIRE(cache.link(id, commit, "sub/a.json", etag));
  REQUIRE(cache.write_ref(id, "main", commit));
  REQUIRE(cache.note_missing(id, commit, "b.json"));
  CHECK(cache.has_blob(id, etag));
  CHECK(cache.commit_of({id}) == commit);
  CHECK(cache.snapshot({id}) == root / model_folder / "snapshots" / commit);
  CHECK(cache.snapshot({id, commit}) == root / model_folder / "snapshots" / commit);
  CHECK(cache.find_file(id, commit, "sub/a.json")
        == root / model_folder / "snapshots" / commit / "sub/a.json");
  CHECK_FALSE(cache.find_file(id, commit, "b.json"));
  CHECK(cache.is_known_missing(id, commit, "b.json"));
  CHECK_FALSE(cache.is_known_missing(id, commit, "c.json"));
}

TEST_CASE_METHOD(cache_folder, "a link and a revision move on to newer content") {
  write_blob();
  auto newer = std::string(40, 'd');
  put("hub/" + model_folder + "/blobs/" + newer, "newer");
  REQUIRE(cache.link(id, commit, "a", etag));
  REQUIRE(cache.write_ref(id, "main", commit));
  REQUIRE(cache.link(id, commit, "a", newer));
  REQUIRE(cache.write_ref(id, "main", other_commit));
  CHECK(content_of(root / model_folder / "snapshots" / commit / "a") == "newer");
  CHECK(content_of(root / model_folder / "refs/main") == other_commit);
}

TEST_CASE_METHOD(cache_folder, "a link leads to nothing but content that is there") {
  auto done = cache.link(id, commit, "a", etag);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == errc::cannot_write);
  CHECK_FALSE(fs::exists(root / model_folder / "snapshots"));
}

TEST_CASE_METHOD(cache_folder, "hostile names write nothing") {
  write_blob();
  auto before = everything();
  for (std::string bad : {"", "..", "../../../x", "/x", "a/../../x", "a//b", "a\nb"}) {
    INFO(bad);
    CHECK(cache.link(id, commit, bad, etag).error().code == errc::invalid_argument);
    CHECK(cache.link(id, bad, "a", etag).error().code == errc::invalid_argument);
    CHECK(cache.link(id, commit, "a", bad).error().code == errc::invalid_argument);
    CHECK(cache.link(bad, commit, "a", etag).error().code == errc::invalid_argument);
    CHECK(cache.write_ref(id, bad, commit).error().code == errc::invalid_argument);
    CHECK(cache.write_ref(id, "main", bad).error().code == errc::invalid_argument);
    CHECK(cache.write_ref(bad, "main", commit).error().code == errc::invalid_argument);
    CHECK(cache.note_missing(id, commit, bad).error().code == errc::invalid_argument);
    CHECK(cache.note_missing(id, bad, "a").error().code == errc::invalid_argument);
    CHECK(blob_writer::open(cache, id, bad).error().code == errc::invalid_argument);
    CHECK(blob_writer::open(cache, bad, etag).error().code == errc::invalid_argument);
    CHECK_FALSE(cache.find_file(id, commit, bad));
    CHECK_FALSE(cache.has_blob(id, bad));
    CHECK_FALSE(cache.commit_of({id, bad}));
    CHECK(cache.snapshot({id, bad}).error().code == errc::invalid_argument);
  }
  CHECK(everything() == before);
}

TEST_CASE_METHOD(cache_folder, "a folder that can't be made is an error that names it") {
  put("hub", "a file in its place");
  auto writer = blob_writer::open(cache, id, etag);
  REQUIRE_FALSE(writer);
  CHECK(writer.error().code == errc::cannot_write);
  CHECK(writer.error().what.starts_with("cannot make the folder '" + root.string()));
  CHECK(writer.error().what.ends_with(": Not a directory"));
  CHECK_FALSE(cache.write_ref(id, "main", commit));
  CHECK_FALSE(cache.note_missing(id, commit, "a"));
}

TEST_CASE_METHOD(cache_folder, "a folder in the place of a file is an error, and no temporary file stays") {
  write_blob();
  fs::create_directories(root / model_folder / "snapshots" / commit / "a/b");
  fs::create_directories(root / model_folder / "refs/main/b");
  auto link = cache.link(id, commit, "a", etag);
  REQUIRE_FALSE(link);
  CHECK(link.error().what.find("Is a directory") != std::string::npos);
  CHECK_FALSE(cache.write_ref(id, "main", commit));
  for (const auto& x : fs::directory_iterator{root / model_folder}) CHECK(x.path().extension() != ".tmp");
}

// -- what others wrote ---

TEST_CASE_METHOD(cache_folder, "links of links lead to content that all repositories share") {
  auto shared = put("hub/blobs/cc/" + etag, "shared");
  auto blobs = root / model_folder / "blobs";
  fs::create_directories(blobs);
  fs::create_symlink("../../blobs/cc/" + etag, blobs / etag);
  CHECK(cache.has_blob(id, etag));
  CHECK(open().has_blob());
  auto file = cache.link(id, commit, "a", etag);
  REQUIRE(file);
  CHECK(content_of(*file) == "shared");
  CHECK(cache.find_file(id, commit, "a"));
  fs::remove(shared);
  CHECK_FALSE(cache.has_blob(id, etag));
  CHECK_FALSE(cache.find_file(id, commit, "a"));

  SECTION("and a link to nothing is written anew") {
    write_blob("anew");
    CHECK(content_of(*file) == "anew");
  }
}

TEST_CASE_METHOD(cache_folder, "all models are listed, with their revisions and snapshots") {
  put("hub/models--b--x/refs/main", commit + "\n");
  put("hub/models--b--x/refs/refs/pr/1", other_commit);
  put("hub/models--b--x/refs/broken", "../../../x");
  put("hub/models--b--x/snapshots/" + commit + "/config.json");
  put("hub/models--b--x/snapshots/notes.txt");
  put("hub/models--a/snapshots/" + other_commit + "/config.json");
  put("hub/models--empty", "a file");
  put("hub/datasets--a--b/refs/main", commit);
  put("hub/version.txt", "1");
  fs::create_symlink(".", root / "models--b--x/refs/loop");
  auto found = cache.models();
  REQUIRE(found.size() == 2);
  CHECK(found[0].id == "a");
  CHECK(found[0].revisions.empty());
  CHECK(found[0].snapshots.at(0).commit == other_commit);
  CHECK(found[1].id == "b/x");
  CHECK(found[1].folder == root / "models--b--x");
  REQUIRE(found[1].revisions.size() == 2);
  CHECK(found[1].revisions[0].name == "main");
  CHECK(found[1].revisions[0].commit == commit);
  CHECK(found[1].revisions[1].name == "refs/pr/1");
  CHECK(found[1].snapshots.size() == 1);
  CHECK(found[1].snapshots[0].folder == root / "models--b--x/snapshots" / commit);
}

TEST_CASE_METHOD(cache_folder, "what the cache lacks is an error that says what") {
  CHECK(cache.models().empty());
  CHECK(cache.snapshot({id}).error()
        == error{errc::not_found, "no model 'org/name', in the cache " + vef::quoted(root.string())});
  put("hub/" + model_folder + "/refs/main", commit);
  CHECK(cache.snapshot({id, "v2"}).error()
        == error{errc::not_found,
                 "no revision 'v2' of the model 'org/name', in the cache " + vef::quoted(root.string())});
  CHECK(cache.snapshot({id}).error()
        == error{errc::not_found, "no files of the model 'org/name' at " + commit + ", in the cache "
                                      + vef::quoted(root.string())});
  put("hub/" + model_folder + "/refs/evil", "../../../../etc");
  CHECK_FALSE(cache.commit_of({id, "evil"}));
  REQUIRE(::mkfifo((root / model_folder / "refs/fifo").c_str(), 0600) == 0);
  CHECK_FALSE(cache.commit_of({id, "fifo"}));
}
