#include "support/catch.hpp"

#include <vef/backends/hub/answers.hpp>
#include <vef/backends/hub/retries.hpp>
#include <vef/backends/hub/shards.hpp>

using namespace vef;
using namespace std::chrono_literals;

namespace {

const std::string commit(40, 'c');
const std::string sha1(40, 'a');
const std::string sha256(64, 'b');
const std::string url = "https://hub.example/org/model/resolve/main/model.safetensors";

http_answer answer(int status, std::initializer_list<std::pair<const char*, std::string>> headers = {}) {
  http_answer out{.status = status};
  for (const auto& [name, value] : headers) out.headers.set(name, value);
  return out;
}

asked_file asked(bool with_token) {
  return {"https://hub.example", {"org/model", "main"}, "config.json", with_token};
}

bool has(const error& x, const char* text) { return x.what.find(text) != std::string::npos; }

result<std::string> redirect(const std::string& from, const std::string& to) {
  return redirect_target({from, answer(302, {{"Location", to}})});
}

} // namespace

TEST_CASE("the address of a file has its revision and path percent-encoded") {
  CHECK(file_url("https://hub.example", {"org/model", "main"}, "config.json")
        == "https://hub.example/org/model/resolve/main/config.json");
  CHECK(file_url("http://localhost:80/mirror", {"org/model", "refs/pr/1"}, "a b/c%?#.json")
        == "http://localhost:80/mirror/org/model/resolve/refs%2Fpr%2F1/a%20b/c%25%3F%23.json");
  CHECK(file_url("https://hub.example", {"model", "é"}, "x") == "https://hub.example/model/resolve/%C3%A9/x");
}

TEST_CASE("an address that is shown has lost what may be secret") {
  CHECK(shown_url("https://me:word@cdn.example:8443/a/b?signature=1#x") == "'https://cdn.example:8443/a/b'");
  CHECK(shown_url("nonsense here") == "an unreadable address");
}

TEST_CASE("the same origin is the same scheme, host and port") {
  CHECK(same_origin("https://hub.example/a", "https://HUB.example:443/b?c"));
  CHECK_FALSE(same_origin("https://hub.example", "http://hub.example"));
  CHECK_FALSE(same_origin("https://hub.example", "https://hub.example:8443"));
  CHECK_FALSE(same_origin("https://hub.example", "https://hub.example.evil.example"));
  CHECK_FALSE(same_origin("https://hub.example", "https://hub.example@evil.example"));
  CHECK_FALSE(same_origin("https://hub.example", "https://cdn.hub.example"));
  CHECK_FALSE(same_origin("nonsense here", "nonsense here"));
}

TEST_CASE("a redirect is read relative to where it came from") {
  CHECK(redirect(url, "/other/config.json").value() == "https://hub.example/other/config.json");
  CHECK(redirect(url, "https://cdn.example/x?y=z").value() == "https://cdn.example/x?y=z");
  CHECK(redirect(url, "//cdn.example/x").value() == "https://cdn.example/x");
}

TEST_CASE("a redirect to nowhere, to a file or away from HTTPS is refused") {
  CHECK(has(redirect(url, "").error(), "names no address"));
  CHECK(has(redirect(url, "http://hub.example/x").error(), "plain HTTP"));
  CHECK(redirect(url, "file:///etc/passwd").error().code == errc::download_failed);
  CHECK(redirect(url, "ftp://hub.example/x").error().code == errc::download_failed);
  CHECK(redirect_target({url, answer(307)}).error().code == errc::download_failed);
}

TEST_CASE("the facts of a small file are in its answer") {
  http_hop hop{
      url, answer(200, {{"x-repo-commit", commit}, {"etag", "W/\"" + sha1 + '"'}, {"content-length", "12"}})};
  auto facts = read_facts({&hop, 1}).value();
  CHECK(facts.commit == commit);
  CHECK(facts.etag == sha1);
  CHECK(facts.size == 12);
  CHECK(facts.location == url);
}

TEST_CASE("the facts of a large file are those of what it is linked to") {
  http_hop hop{url, answer(302, {{"X-Repo-Commit", commit},
                                 {"ETag", "\"other\""},
                                 {"Content-Length", "99"},
                                 {"X-Linked-Etag", '"' + sha256 + '"'},
                                 {"X-Linked-Size", "605000000"},
                                 {"Location", "https://cdn.example/b?signature=1"}})};
  auto facts = read_facts({&hop, 1}).value();
  CHECK(facts.etag == sha256);
  CHECK(facts.size == 605000000);
  CHECK(facts.location == "https://cdn.example/b?signature=1");
}

TEST_CASE("an answer that lacks a fact, or has a bad one, is not from a hub") {
  auto facts = [](std::string of_commit, std::string etag, std::string size, int status = 200) {
    http_hop hop{url, answer(status, {{"X-Repo-Commit", of_commit},
                                      {"ETag", etag},
                                      {"Content-Length", size},
                                      {"Location", "https://cdn.example/"}})};
    return read_facts({&hop, 1});
  };
  REQUIRE(facts(commit, sha1, "5"));
  CHECK(has(facts("", sha1, "5").error(), "X-Repo-Commit"));
  CHECK(has(facts("../../../../../../../../../../../../etc/", sha1, "5").error(), "X-Repo-Commit"));
  CHECK(has(facts(commit, "", "5").error(), "ETag"));
  CHECK(has(facts(commit, "\"../../x\"", "5").error(), "ETag"));
  CHECK(has(facts(commit, sha1, "").error(), "size"));
  CHECK(has(facts(commit, sha1, "-5").error(), "size"));
  CHECK(has(facts(commit, sha1, "99999999999999999999").error(), "size"));
  CHECK(has(facts(commit, sha1, "5", 302).error(), "size")); // the length is that of the redirect's own body
}

TEST_CASE("each refusal says what to do about it") {
  using row = std::tuple<http_answer, bool, errc, const char*>;
  for (const auto& [given, with_token, code, text] : std::vector<row>{
           {answer(404, {{"X-Error-Code", "EntryNotFound"}}), false, errc::not_found,
            "no file 'config.json'"},
           {answer(404, {{"X-Error-Code", "RevisionNotFound"}}), false, errc::not_found,
            "no branch, tag or commit 'main'"},
           {answer(404, {{"X-Error-Code", "RepoNotFound"}}), true, errc::not_found,
            "the token may not read it"},
           {answer(401, {{"X-Error-Code", "RepoNotFound"}}), false, errc::not_found, "set HF_TOKEN"},
           {answer(401), false, errc::not_found, "set HF_TOKEN"},
           {answer(401, {{"X-Error-Message", "Invalid credentials in Authorization header"}}), true,
            errc::access_denied, "does not know the token"},
           {answer(401, {{"X-Error-Code", "GatedRepo"}}), false, errc::access_denied, "set HF_TOKEN"},
           {answer(403, {{"X-Error-Code", "GatedRepo"}}), true, errc::access_denied,
            "accepted at https://hub.example/org/model with"},
           {answer(403, {{"X-Error-Message", "storage is\noff"}}), true, errc::access_denied,
            "'storage is\\noff'"},
           {answer(429, {{"Retry-After", "7"}}), false, errc::download_failed, "asked to wait 8 s"},
           {answer(503), false, errc::download_failed, "HTTP status 503"},
       }) {
    auto x = refusal(given, asked(with_token));
    INFO(x.what);
    CHECK(x.code == code);
    CHECK(has(x, text));
  }
}

TEST_CASE("a refusal has the number under which the hub knows the request") {
  CHECK(has(refusal(answer(500, {{"X-Request-Id", "Root=1-2"}}), asked(false)), "(request 'Root=1-2')"));
}

TEST_CASE("only a file that a good repository lacks counts as missing") {
  CHECK(says_no_such_file(answer(404, {{"X-Error-Code", "EntryNotFound"}})));
  CHECK(says_no_such_file(answer(404)));
  CHECK_FALSE(says_no_such_file(answer(404, {{"X-Error-Code", "RevisionNotFound"}})));
  CHECK_FALSE(says_no_such_file(answer(404, {{"X-Error-Code", "RepoNotFound"}})));
  CHECK_FALSE(says_no_such_file(answer(403, {{"X-Error-Code", "EntryNotFound"}})));
}

TEST_CASE("the time to wait is told by RateLimit, else by Retry-After") {
  CHECK(retry_after(answer(429, {{"RateLimit", "\"api\";r=0;t=55"}, {"Retry-After", "9"}})) == 56s);
  CHECK(retry_after(answer(429, {{"Retry-After", "9"}})) == 10s);
  CHECK(retry_after(answer(429, {{"RateLimit", "\"api\"; r=0; t=5"}})) == 6s);
  CHECK_FALSE(retry_after(answer(429)));
  CHECK_FALSE(
      retry_after(answer(429, {{"RateLimit", "t=soon"}, {"Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"}})));
  CHECK(retry_after(answer(429, {{"Retry-After", "18446744073709551615"}})) == 86401s);
}

TEST_CASE("overload and broken gateways are worth another try, refusals are not") {
  for (int status : {408, 429, 500, 502, 503, 504}) CHECK(worth_retry(status));
  for (int status : {400, 401, 403, 404, 410, 416, 501}) CHECK_FALSE(worth_retry(status));
}

TEST_CASE("pauses grow, stay within bounds and end") {
  retries x{{.in_a_row = 5, .first = 1000ms, .longest = 3000ms}, 7};
  for (auto whole : {1000ms, 2000ms, 3000ms, 3000ms}) {
    auto pause = x.after_failure(false);
    REQUIRE(pause);
    CHECK(*pause >= whole / 2);
    CHECK(*pause <= whole);
  }
  CHECK_FALSE(x.after_failure(false));
}

TEST_CASE("a download that gets on may fail more often, but not for ever") {
  retries x{{.in_a_row = 2, .in_all = 10}};
  for (int i = 0; i < 9; ++i) CHECK(x.after_failure(true));
  CHECK_FALSE(x.after_failure(true));
}

TEST_CASE("waits that were asked for add up to a limit") {
  retries x{{.told = 100s}};
  CHECK(x.after_request_to_wait(60s) == std::chrono::milliseconds{60s});
  CHECK(x.after_request_to_wait(40s));
  CHECK_FALSE(x.after_request_to_wait(1s));
  CHECK_FALSE(retries{{.told = 100s}}.after_request_to_wait(101s));
}

TEST_CASE("an index names its files, each once and in order") {
  auto names = shard_names(R"({"metadata": {"total_size": 5},
    "weight_map": {"a": "model-2.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors"}})");
  CHECK(names.value() == std::vector<std::string>{"model-1.safetensors", "model-2.safetensors"});
}

TEST_CASE("an index that makes no sense, or leads out of its folder, is refused") {
  for (auto text :
       {"", "garbage", "[]", "{}", R"({"weight_map": []})", R"({"weight_map": {}})",
        R"({"weight_map": {"a": 1}})", R"({"weight_map": {"a": "../x.safetensors"}})",
        R"({"weight_map": {"a": "/etc/x.safetensors"}})", R"({"weight_map": {"a": ".safetensors"}})",
        R"({"weight_map": {"a": "sub/x.safetensors"}})", R"({"weight_map": {"a": "x.bin"}})",
        R"({"weight_map": {"a": "..\\x.safetensors"}})", R"({"weight_map": {"a": "x\n.safetensors"}})"}) {
    INFO(text);
    auto names = shard_names(text);
    REQUIRE_FALSE(names);
    CHECK(names.error().code == errc::corrupt_model);
  }
}
