// What the Hub's client takes from its environment.
#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/backends/hub/environment.hpp>

#include <map>

using namespace vef;
using namespace vef::test;

namespace {

environment of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end()) return {};
    return found->second;
  };
}

} // namespace

TEST_CASE("the Hub's cache is where the environment says, the most particular variable first") {
  std::map<std::string, std::string> x{{"HOME", "/home/me"}};
  CHECK(hub_cache_folder(of(x)) == "/home/me/.cache/huggingface/hub");
  x["XDG_CACHE_HOME"] = "/xdg";
  CHECK(hub_cache_folder(of(x)) == "/xdg/huggingface/hub");
  x["HF_HOME"] = "/hf";
  CHECK(hub_cache_folder(of(x)) == "/hf/hub");
  x["HUGGINGFACE_HUB_CACHE"] = "/old";
  CHECK(hub_cache_folder(of(x)) == "/old");
  x["HF_HUB_CACHE"] = "/new";
  CHECK(hub_cache_folder(of(x)) == "/new");
}

TEST_CASE("home and variables in the Hub's paths are expanded") {
  auto cache = [](const std::string& text) {
    return hub_cache_folder(of({{"HOME", "/home/me"}, {"DISK", "/d"}, {"HF_HUB_CACHE", text}})).string();
  };
  CHECK(cache("~") == "/home/me");
  CHECK(cache("~/c") == "/home/me/c");
  CHECK(cache("$DISK/c") == "/d/c");
  CHECK(cache("${DISK}x/c") == "/dx/c");
  CHECK(cache("/a/$DISK.c") == "/a//d.c");

  SECTION("what stands for nothing stays") {
    for (auto text : {"/a~/b", "~other/b", "/$NONE/b", "/${NONE}/b", "/$/b", "/${DISK", "/b$"})
      CHECK(cache(text) == text);
  }
}

TEST_CASE("an empty variable counts as one that isn't set") {
  auto x = of({{"HOME", "/h"},
               {"HF_HUB_CACHE", ""},
               {"HF_HOME", ""},
               {"XDG_CACHE_HOME", ""},
               {"HF_ENDPOINT", ""},
               {"HF_HUB_OFFLINE", ""},
               {"TRANSFORMERS_OFFLINE", "1"}});
  CHECK(hub_cache_folder(x) == "/h/.cache/huggingface/hub");
  CHECK(hub_endpoint(x) == "https://huggingface.co");
  CHECK(hub_is_offline(x));
}

TEST_CASE("without HOME the home of the account counts") { CHECK(hub_cache_folder(of({})).is_absolute()); }

TEST_CASE("the Hub's address may be another, and has no slash at its end") {
  CHECK(hub_endpoint(of({})) == "https://huggingface.co");
  CHECK(hub_endpoint(of({{"HF_ENDPOINT", "http://127.0.0.1:8080//"}})) == "http://127.0.0.1:8080");
}

TEST_CASE("the token comes from a variable, else from a file") {
  scratch folder;
  folder.put("token", "  hf_home\r\n");
  auto other = folder.put("other", "hf_other\n");
  std::map<std::string, std::string> x{{"HF_HOME", folder.folder().string()}};
  CHECK(hub_token(of(x)) == "hf_home");
  x["HF_TOKEN_PATH"] = other;
  CHECK(hub_token(of(x)) == "hf_other");
  x["HUGGING_FACE_HUB_TOKEN"] = "hf_old";
  CHECK(hub_token(of(x)) == "hf_old");
  x["HF_TOKEN"] = " hf_new\n";
  CHECK(hub_token(of(x)) == "hf_new");

  SECTION("a line end inside can't become another header of a request") {
    x["HF_TOKEN"] = "hf_a\r\nX: b";
    CHECK(hub_token(of(x)) == "hf_aX: b");
  }
  SECTION("one of blanks is none") {
    x["HF_TOKEN"] = " \n ";
    CHECK(hub_token(of(x)) == "hf_other");
  }
}

TEST_CASE("without a token there is none") {
  scratch folder;
  CHECK_FALSE(hub_token(of({{"HF_HOME", folder.folder().string()}})));
  CHECK_FALSE(hub_token(of({{"HF_TOKEN_PATH", folder.folder().string()}})));
  CHECK_FALSE(hub_token(of({{"HF_TOKEN_PATH", folder.put("empty", " \n")}})));
}

TEST_CASE("the Hub is offline if a variable says so, in any case") {
  for (auto yes : {"1", "ON", "on", "Yes", "true"}) CHECK(hub_is_offline(of({{"HF_HUB_OFFLINE", yes}})));
  for (auto no : {"0", "off", "2", " 1"}) CHECK_FALSE(hub_is_offline(of({{"HF_HUB_OFFLINE", no}})));
  CHECK_FALSE(hub_is_offline(of({})));
  CHECK(hub_is_offline(of({{"TRANSFORMERS_OFFLINE", "1"}})));
  CHECK_FALSE(hub_is_offline(of({{"HF_HUB_OFFLINE", "0"}, {"TRANSFORMERS_OFFLINE", "1"}})));
}

TEST_CASE("the environment of the process is what it was started with") {
  auto x = process_environment();
  REQUIRE(std::getenv("PATH"));
  CHECK(x("PATH") == std::string{std::getenv("PATH")});
  CHECK_FALSE(x("VEF_A_VARIABLE_THAT_NOBODY_SETS"));
}
