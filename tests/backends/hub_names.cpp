// How the Hub names models, paths and content.
#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/backends/hub/digest.hpp>
#include <vef/backends/hub/model_name.hpp>

using namespace vef;
using namespace vef::test;

namespace {

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

} // namespace

TEST_CASE("a model's name is an id and a revision") {
  CHECK(parse_model_name("org/name") == model_name{"org/name", "main"});
  CHECK(parse_model_name("gpt2") == model_name{"gpt2", "main"});
  CHECK(parse_model_name("o_1/a-b.c@v1.0") == model_name{"o_1/a-b.c", "v1.0"});
  CHECK(parse_model_name("org/name@refs/pr/1") == model_name{"org/name", "refs/pr/1"});
  CHECK(parse_model_name(std::string(96, 'o') + '/' + std::string(96, 'n')));
}

TEST_CASE("a name that the Hub would not give is refused") {
  for (auto text : {"",     "/",       "a/",    "/a",    "a/b/c",       "a b",   "a/b c", "../a",
                    "a/..", "a..b",    "a--b",  ".a",    "a.",          "-a",    "a-",    "a/-b",
                    "a/.b", "a/b.git", "a\\b",  "a\nb",  "caf\xc3\xa9", "a@",    "a@..",  "a@/b",
                    "a@b/", "a@b//c",  "a@b c", "a@b\n", "a@../../x",   "a@./b", "@main"}) {
    INFO(text);
    auto x = parse_model_name(text);
    REQUIRE_FALSE(x);
    CHECK(x.error().code == errc::invalid_argument);
    CHECK(x.error().what.find('\n') == std::string::npos);
  }
  CHECK_FALSE(parse_model_name(std::string(97, 'a')));
  CHECK_FALSE(parse_model_name(std::string_view{"a\0b", 3}));
}

TEST_CASE("a model's folder tells its id") {
  CHECK(repository_folder("org/name") == "models--org--name");
  CHECK(repository_folder("gpt2") == "models--gpt2");
  CHECK(id_of_folder("models--org--name") == "org/name");
  CHECK(id_of_folder("models--gpt2") == "gpt2");
  for (auto text :
       {"datasets--a--b", "spaces--a--b", "models--", "models", "models--a--b--c", "models--..--x", ".locks"})
    CHECK_FALSE(id_of_folder(text));
}

TEST_CASE("a path that leaves its repository is seen") {
  for (auto good : {"a", "a/b/c.json", ".gitattributes", "a b", "...", "a/.b"}) CHECK(is_safe_path(good));
  for (auto bad : {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\\b", "a\tb", "a\x7f"})
    CHECK_FALSE(is_safe_path(bad));
  CHECK_FALSE(is_safe_path(std::string(256, 'a')));
  CHECK_FALSE(is_safe_path(std::string_view{"a\0b", 3}));
}

// -- digests ---

TEST_CASE("a file's digest is the Hub's name for it") {
  scratch at;
  auto file = at.put("hello", "hello\n");
  // `sha256sum` and `git hash-object` of the same bytes.
  CHECK(hash_file(file, digest_kind::sha256)
        == "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  CHECK(hash_file(file, digest_kind::git_sha1) == "ce013625030ba8dba906f756967f9e9ca394464a");
  CHECK(hash_file(at.put("empty", ""), digest_kind::git_sha1) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  CHECK(digest_kind_of(std::string(64, '0')) == digest_kind::sha256);
  CHECK(digest_kind_of(std::string(40, 'f')) == digest_kind::git_sha1);
  CHECK_FALSE(digest_kind_of("abc"));
  CHECK_FALSE(digest_kind_of(std::string(40, 'g')));
}

TEST_CASE("a digest tells how far it is, and can be stopped") {
  scratch at;
  auto file = at.put("large", std::string(3'000'000, 'x'));
  std::vector<std::uint64_t> told;
  auto whole = hash_file(file, digest_kind::sha256, [&](std::uint64_t done) {
    told.push_back(done);
    return true;
  });
  CHECK(whole);
  CHECK(told.size() > 1);
  CHECK(told.back() == 3'000'000);
  CHECK(hash_file(file, digest_kind::sha256, [](std::uint64_t) { return false; }).error().code
        == errc::cancelled);

  SECTION("pieces give the same") {
    auto sum = digest::start(digest_kind::sha256, 3'000'000);
    REQUIRE(sum);
    for (int i = 0; i < 3; ++i) sum->add(bytes(std::string(1'000'000, 'x')));
    CHECK(sum->finish() == *whole);
  }
}

TEST_CASE("a file that can't be read has no digest") {
  scratch at;
  CHECK(hash_file(at / "none", digest_kind::sha256).error().code == errc::file_not_found);
  CHECK(hash_file(at.folder(), digest_kind::sha256).error().code == errc::file_unreadable);
}
