#include <vef/backends/transformers/weights.hpp>

#include "safetensors_support.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <cstring>
#include <random>

using namespace vef;
using namespace vef::test;
namespace fs = std::filesystem;

namespace {

using Catch::Contains;

// A checkpoint of two shards: a and b in the first, with a tensor that the index leaves out; c in the second.
class sharded {
public:
  sharded() {
    put("model-1.safetensors",
        safetensors_file({{"a", "F32", {1}, "aaaa"}, {"b", "U8", {2}, "bb"}, {"rest", "U8", {1}, "r"}}));
    put("model-2.safetensors", safetensors_file({{"c", "BF16", {1, 1}, "cc"}, {"a", "U8", {1}, "x"}}));
  }

  const fs::path& folder() const { return place_.folder(); }
  void put(const std::string& name, const std::string& content) const { place_.put(name, content); }

  result<checkpoint_weights> open_with(const std::string& index) const {
    put("model.safetensors.index.json", index);
    return checkpoint_weights::open(folder());
  }

  // The error of an index whose weight_map gives b to `file`, a JSON value.
  error refused(const std::string& file) const {
    auto opened = open_with(R"({"weight_map":{"a":"model-1.safetensors","b":)" + file + "}}");
    REQUIRE_FALSE(opened);
    CHECK_THAT(opened.error().what, Contains("model.safetensors.index.json"));
    return opened.error();
  }

private:
  scratch place_;
};

const std::string good_index = R"({"metadata":{"total_size":8,"more":[{}]},
  "weight_map":{"a":"model-1.safetensors","b":"model-1.safetensors","c":"model-2.safetensors"}})";

std::string text(const weight_view* x) {
  REQUIRE(x);
  return {reinterpret_cast<const char*>(x->data), static_cast<std::size_t>(x->bytes)};
}

error error_of(const fs::path& folder) {
  auto opened = checkpoint_weights::open(folder);
  REQUIRE_FALSE(opened);
  return opened.error();
}

std::vector<fs::path> golden_folders() {
  std::vector<fs::path> out;
  for (const auto& x : fs::directory_iterator{shared_dir() / "golden"})
    if (fs::exists(x.path() / "config.json")) out.push_back(x.path());
  std::ranges::sort(out);
  return out;
}

std::vector<fs::path> golden_files() {
  std::vector<fs::path> out;
  for (const auto& folder : golden_folders())
    for (const auto& x : fs::directory_iterator{folder})
      if (x.path().extension() == ".safetensors") out.push_back(x.path());
  std::ranges::sort(out);
  return out;
}

} // namespace

TEST_CASE("a checkpoint of one file has its tensors") {
  scratch place;
  auto file = safetensors_file({{"a", "F32", {1}, "aaaa"}, {"b", "U8", {2}, "bb"}, {"none", "F32", {0}, ""}});
  place.put("model.safetensors", file);
  auto opened = checkpoint_weights::open(place.folder());
  REQUIRE(opened);
  CHECK(opened->tensors().size() == 3);
  CHECK(opened->bytes() == file.size());
  CHECK(opened->files().size() == 1);
  CHECK(text(opened->find("a")) == "aaaa");
  CHECK(opened->find("b")->type == dtype::u8);
  CHECK(opened->find("b")->shape == std::vector<std::int64_t>{2});
  CHECK(opened->find("none")->bytes == 0);
  CHECK(opened->find("c") == nullptr);
}

TEST_CASE("a tensor outlives the checkpoint and the file's name") {
  scratch place;
  place.put("model.safetensors", safetensors_file({{"a", "F32", {1}, "aaaa"}}));
  weight_view view;
  {
    auto opened = checkpoint_weights::open(place.folder());
    REQUIRE(opened);
    view = *opened->find("a");
  }
  fs::remove(place / "model.safetensors");
  CHECK(text(&view) == "aaaa");
}

TEST_CASE("a single file wins over an index") {
  sharded checkpoint;
  checkpoint.put("model.safetensors", safetensors_file({{"alone", "U8", {1}, "x"}}));
  auto opened = checkpoint.open_with(good_index);
  REQUIRE(opened);
  CHECK(opened->tensors().size() == 1);
  CHECK(opened->find("alone"));
}

TEST_CASE("a checkpoint of shards has the tensors of its index, each from its own file") {
  sharded checkpoint;
  auto opened = checkpoint.open_with(good_index);
  REQUIRE(opened);
  CHECK(opened->tensors().size() == 3);
  CHECK(text(opened->find("a")) == "aaaa");
  CHECK(text(opened->find("b")) == "bb");
  CHECK(text(opened->find("c")) == "cc");
  CHECK(opened->find("rest") == nullptr);
  CHECK(opened->find("c")->file->path().filename() == "model-2.safetensors");
  REQUIRE(opened->files().size() == 2);
  CHECK(opened->bytes() == opened->files()[0]->bytes().size() + opened->files()[1]->bytes().size());
}

TEST_CASE("an index names files beside it and nowhere else") {
  sharded checkpoint;
  fs::create_directory(checkpoint.folder() / "sub");
  checkpoint.put("sub/model.safetensors", safetensors_file({{"b", "U8", {2}, "bb"}}));
  auto absolute = "\"" + (checkpoint.folder() / "model-1.safetensors").string() + "\"";
  for (const auto& name :
       {std::string{R"("../model-1.safetensors")"}, std::string{R"("sub/model.safetensors")"},
        std::string{R"("sub\\model.safetensors")"}, std::string{R"("..")"}, std::string{R"(".")"},
        std::string{R"("")"}, std::string{R"("model-1.safetensors\u0000x")"}, absolute}) {
    INFO(name);
    auto refused = checkpoint.refused(name);
    CHECK(refused.code == errc::corrupt_model);
    CHECK_THAT(refused.what, Contains("no name of a file beside the index"));
  }
  CHECK_THAT(checkpoint.refused(R"("model-3.safetensors")").what,
             Contains("names the file 'model-3.safetensors', which is not beside it"));
  CHECK_THAT(checkpoint.refused(R"("model-2.safetensors")").what,
             Contains("says that the tensor 'b' is in 'model-2.safetensors', which does not have it"));
  CHECK_THAT(checkpoint.refused("7").what,
             Contains("the file of the tensor 'b' must be a text, not a number"));
  CHECK_THAT(checkpoint.refused("{}").what, Contains("must be a text, not an object"));
  CHECK_THAT(checkpoint.refused(R"("model-1.safetensors","a":"model-1.safetensors")").what,
             Contains("the tensor 'a' comes twice"));
}

TEST_CASE("an index that is none is refused") {
  sharded checkpoint;
  const std::pair<std::string, std::string> table[] = {
      {"", "it is no valid JSON"},
      {good_index.substr(0, good_index.size() - 1), "it is no valid JSON"},
      {"[]", "it must be an object, not a list"},
      {"{}", "it has no weight_map"},
      {R"({"weight_map":{}})", "it has no weight_map, or one without tensors"},
      {R"({"weight_map":[]})", "its weight_map must be an object, not a list"},
      {R"({"weight_map":"a"})", "its weight_map must be an object, not a text"},
      {R"({"weight_map":{"a":"model-1.safetensors"},"weight_map":{}})", "it has two weight_map"},
  };
  for (const auto& [index, complaint] : table) {
    INFO(index);
    auto opened = checkpoint.open_with(index);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == errc::corrupt_model);
    CHECK_THAT(opened.error().what, Contains("model.safetensors.index.json': " + complaint));
  }
}

TEST_CASE("an index of more than 64 MiB is refused by its size") {
  sharded checkpoint;
  auto index = checkpoint.folder() / "model.safetensors.index.json";
  checkpoint.put(index.filename().string(), good_index);
  fs::resize_file(index, (64 << 20) + 1);
  CHECK_THAT(error_of(checkpoint.folder()).what,
             Contains("it has 67108865 bytes, where 67108864 are allowed"));
  fs::resize_file(index, 64 << 20);
  CHECK_THAT(error_of(checkpoint.folder()).what, Contains("is zero"));
}

TEST_CASE("a damaged shard is named") {
  sharded checkpoint;
  checkpoint.put("model-2.safetensors", "short");
  auto opened = checkpoint.open_with(good_index);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::corrupt_model);
  CHECK_THAT(opened.error().what, Contains("model-2.safetensors': it has 5 bytes"));
}

TEST_CASE("a folder without weights says what was looked for") {
  scratch place;
  auto nothing = error_of(place.folder());
  CHECK(nothing.code == errc::corrupt_model);
  CHECK_THAT(nothing.what, Contains("neither model.safetensors nor model.safetensors.index.json"));
  CHECK_THAT(nothing.what, !Contains("pickle"));

  for (auto name : {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin"}) {
    scratch old;
    old.put(name);
    auto pickles = error_of(old.folder());
    CHECK(pickles.code == errc::unsupported_model);
    CHECK_THAT(pickles.what, Contains("neither model.safetensors nor") && Contains("pickle files")
                                 && Contains("convert them to safetensors"));
  }

  CHECK(error_of(place / "missing").code == errc::file_not_found);
  place.put("file");
  CHECK_THAT(error_of(place / "file").what, Contains("is not a folder"));
}

TEST_CASE("golden checkpoints open, and those of one file and of shards are the same") {
  VEF_NEEDS(shared_dir() / "golden" / "clip-sharded");
  for (const auto& folder : golden_folders()) {
    INFO(folder.string());
    auto opened = checkpoint_weights::open(folder);
    REQUIRE(opened);
    CHECK(opened->tensors().size() > 30);
  }
  auto whole = checkpoint_weights::open(shared_dir() / "golden" / "clip");
  auto shards = checkpoint_weights::open(shared_dir() / "golden" / "clip-sharded");
  CHECK(shards->files().size() == 3);
  REQUIRE(whole->tensors().size() == shards->tensors().size());
  for (const auto& [name, x] : whole->tensors()) {
    INFO(name);
    auto y = shards->find(name);
    REQUIRE(y);
    CHECK(x.type == y->type);
    CHECK(x.shape == y->shape);
    REQUIRE(x.bytes == y->bytes);
    CHECK(std::memcmp(x.data, y->data, x.bytes) == 0);
  }
}

TEST_CASE("a golden file that is cut anywhere is refused by name") {
  VEF_NEEDS(shared_dir() / "golden" / "clip");
  std::mt19937 random{20250317};
  auto files = golden_files();
  scratch place;
  for (int round = 0; round < 200; ++round) {
    auto content = content_of(files[random() % files.size()]);
    auto header = read_copy(content)->data_begin;
    // Half of the cuts go through the header, which is a small part of a file.
    content.resize(random() % (round % 2 == 0 ? content.size() : header));
    INFO("round " << round << ", " << content.size() << " bytes");
    place.put("model.safetensors", content);
    auto refused = error_of(place.folder());
    CHECK(refused.code == errc::corrupt_model);
    CHECK_THAT(refused.what, Contains("model.safetensors'"));
    CHECK_FALSE(read_copy(content));
  }
}

TEST_CASE("a golden header with one byte changed is refused, or still keeps the rules") {
  VEF_NEEDS(shared_dir() / "golden" / "clip");
  std::mt19937 random{20250318};
  int good = 0, refused = 0;
  for (const auto& path : golden_files()) {
    auto content = content_of(path);
    auto header = read_copy(content)->data_begin;
    for (int round = 0; round < 60; ++round) {
      auto i = random() % header;
      auto was = content[i];
      content[i] = static_cast<char>(round % 2 == 0 ? was ^ (1 << random() % 8) : random() % 256);
      INFO(path.string() << ", byte " << i << " is " << int{content[i]});
      auto read = read_copy(content);
      ++(read ? good : refused);
      if (read)
        CHECK(broken_rule(*read, content.size()).empty());
      else
        CHECK_THAT(read.error().what, Catch::StartsWith("cannot read 'a.safetensors': "));
      content[i] = was;
    }
  }
  // Both must happen, or the changes tell nothing: a letter of a name does no harm, one of a key does.
  CHECK(good > 100);
  CHECK(refused > 100);
}
