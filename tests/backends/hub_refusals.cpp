#include "backends/hub_bench.hpp"
#include "support/catch.hpp"

#include <csignal>

#include <sys/resource.h>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;
using host = hub_server::host;

namespace {

const std::string weights = "model.safetensors";

hub_server::change flip_a_byte() {
  return [](reply& x) { x.body[x.body.size() / 2] ^= 1; };
}

/// Until its end no file may grow beyond so many bytes: as on a full disk, but without root.
class small_files {
public:
  explicit small_files(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    auto limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~small_files() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  small_files(const small_files&) = delete;
  small_files& operator=(const small_files&) = delete;

private:
  rlimit before_{};
  void (*handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

} // namespace

TEST_CASE("a refusal of the hub is told in words, at once and without a trace") {
  struct row {
    hub_server::change how;
    errc code;
    const char* text;
  };
  using from = hub_server;
  for (const auto& [how, code, text] : std::vector<row>{
           {from::status(401, {{"X-Error-Code", "RepoNotFound"}}), errc::not_found, "private"},
           {from::status(401, {{"X-Error-Message", "Invalid credentials in Authorization header"}}),
            errc::access_denied, "does not know the token"},
           {from::status(403, {{"X-Error-Code", "GatedRepo"}}), errc::access_denied, "terms"},
           {from::status(403, {{"X-Error-Message", "not this one"}, {"X-Request-Id", "r-1"}}),
            errc::access_denied, "not this one' (request 'r-1')"},
           {from::status(404, {{"X-Error-Code", "EntryNotFound"}}), errc::not_found, "no config.json"},
           {from::status(418), errc::download_failed, "HTTP status 418"},
           {[](reply& x) { std::erase_if(x.headers, [](auto& h) { return h.first == "X-Repo-Commit"; }); },
            errc::download_failed, "is no hub"},
       }) {
    hub_bench b;
    b.server.next(host::hub, "HEAD", "config.json", how);
    auto refusal = b.refusal();
    INFO(refusal.what);
    CHECK(refusal.code == code);
    CHECK(mentions(refusal, text));
    CHECK_FALSE(mentions(refusal, "hf_secret"));
    CHECK(b.server.seen().size() == 1);
    CHECK(b.shows_nothing());
    CHECK(b.pauses.empty());
  }
}

TEST_CASE("an unknown repository or revision is not found") {
  hub_bench b;
  auto revision = b.refusal("v9");
  CHECK(revision.code == errc::not_found);
  CHECK(mentions(revision, "no branch, tag or commit 'v9'"));
  auto repository = pull({"org/other", "main"}, b.options());
  REQUIRE_FALSE(repository);
  CHECK(repository.error().code == errc::not_found);
  CHECK(mentions(repository.error(), "no model 'org/other'"));
}

TEST_CASE("nothing is asked when the environment forbids the network") {
  hub_bench b;
  auto x = b.options();
  x.offline = true;
  auto refused = b.pull_with(x);
  REQUIRE_FALSE(refused);
  CHECK(mentions(refused.error(), "HF_HUB_OFFLINE"));
  CHECK(b.server.seen().empty());
}

TEST_CASE("a hub that asks to wait is waited for") {
  hub_bench b;
  b.server.next(host::hub, "HEAD", "config.json", hub_server::status(429, {{"Retry-After", "7"}}));
  b.server.next(host::hub, "GET", "config.json",
                hub_server::status(429, {{"RateLimit", "\"api\";r=0;t=55"}}));
  REQUIRE(b.pull());
  CHECK(b.pauses == std::vector<std::chrono::milliseconds>{8s, 56s});
}

TEST_CASE("a hub that asks to wait too long is not waited for") {
  hub_bench b;
  b.server.next(host::hub, "HEAD", "config.json", hub_server::status(429, {{"Retry-After", "4000"}}));
  auto refusal = b.refusal();
  CHECK(refusal.code == errc::download_failed);
  CHECK(mentions(refusal, "asked to wait 4001 s"));
  CHECK(b.pauses.empty());
}

TEST_CASE("overload and cut connections are tried again, with pauses that grow") {
  hub_bench b;
  b.server.next(host::hub, "HEAD", "config.json", hub_server::status(503));
  b.server.next(host::hub, "HEAD", "config.json", hub_server::status(500));
  b.server.next(host::hub, "HEAD", "config.json", hub_server::status(504));
  REQUIRE(b.pull());
  REQUIRE(b.pauses.size() == 3);
  CHECK(b.pauses[2] > b.pauses[0]);
}

TEST_CASE("a hub that stays broken is given up") {
  hub_bench b;
  b.server.next(host::hub, "HEAD", "config.json", hub_server::status(502), 1000);
  auto refusal = b.refusal();
  CHECK(refusal.code == errc::download_failed);
  CHECK(mentions(refusal, "HTTP status 502"));
  CHECK(mentions(refusal, "gave up after 6 tries"));
  CHECK(b.server.seen().size() == 6);
}

TEST_CASE("where nobody listens is given up as well") {
  hub_bench b;
  auto x = b.options();
  x.hub.endpoint = hub_server{}.endpoint(); // gone
  auto refused = b.pull_with(x);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::download_failed);
  CHECK(mentions(refused.error(), "gave up after"));
}

TEST_CASE("a server that falls silent is left, and asked again") {
  hub_bench b;
  b.server.next(host::hub, "HEAD", "config.json", [](reply& x) { x.hang = true; });
  auto x = b.options();
  x.hub.patience.stall = 1s;
  REQUIRE(b.pull_with(x));
  CHECK(b.asked(host::hub, "HEAD", "config.json") == 3); // for the commit twice, then for the file
}

TEST_CASE("an address that has expired is asked for again, once") {
  hub_bench b;
  b.server.next(host::cdn, "GET", weights, hub_server::status(403));
  REQUIRE(b.pull());
  CHECK(b.asked(host::hub, "HEAD", weights) == 2);
  CHECK(b.pauses.empty());

  hub_bench c;
  c.server.next(host::cdn, "GET", weights, hub_server::status(403), 2);
  auto refusal = c.refusal();
  CHECK(refusal.code == errc::download_failed);
  CHECK(mentions(refusal, "HTTP status 403"));
  CHECK_FALSE(mentions(refusal, "s3cret"));
}

TEST_CASE("wrong content is thrown away and downloaded once more") {
  hub_bench b;
  b.server.next(host::cdn, "GET", weights, flip_a_byte());
  b.server.next(host::hub, "GET", "config.json", flip_a_byte());
  REQUIRE(b.pull());
  CHECK(b.is_whole(weights));
  CHECK(b.is_whole("config.json"));
}

TEST_CASE("content that stays wrong is an error that names the file and both digests") {
  hub_bench b;
  b.server.next(host::cdn, "GET", weights, flip_a_byte(), 9);
  auto refusal = b.refusal();
  CHECK(refusal.code == errc::download_failed);
  CHECK(mentions(refusal, weights));
  auto expected = refusal.what.find(b.server.etag(weights));
  auto found = refusal.what.find("digest is ");
  REQUIRE(expected != std::string::npos);
  REQUIRE(found != std::string::npos);
  CHECK(refusal.what.find_first_not_of("0123456789abcdef", found + 10) == found + 74);
  CHECK(b.asked(host::cdn, "GET", weights) == 2);
  CHECK(b.parts() == 0);
  CHECK(b.shows_nothing());
}

TEST_CASE("a body that ends early under the right headers is completed") {
  hub_bench b;
  b.server.next(host::cdn, "GET", weights, [](reply& x) {
    x.body.resize(50'000);
    x.unsized = true;
  });
  REQUIRE(b.pull());
  CHECK(b.server.seen(host::cdn, "GET", weights).back().header("range") == "bytes=50000-");
  CHECK(b.is_whole(weights));
}

TEST_CASE("a body that does not end is cut off and never kept") {
  hub_bench b;
  b.server.next(
      host::cdn, "GET", weights, [](reply& x) { x.body += x.body; }, 1000);
  auto refusal = b.refusal();
  CHECK(mentions(refusal, "more bytes came than the 300000"));
  CHECK(b.asked(host::cdn, "GET", weights) <= 6);
  CHECK(b.parts() == 0);
  CHECK(b.shows_nothing());
}

TEST_CASE("a disk that fills up is told with what is missing, and the pull goes on later") {
  hub_bench b;
  {
    small_files limit{100'000};
    auto refusal = b.refusal();
    INFO(refusal.what);
    CHECK(refusal.code == errc::disk_full);
    CHECK(mentions(refusal, "195 KiB more")); // 200,000 bytes
    CHECK(b.shows_nothing());
  }
  CHECK(b.parts() == 100'000);
  REQUIRE(b.pull());
  CHECK(b.server.seen(host::cdn, "GET", weights).back().header("range") == "bytes=100000-");
  CHECK(b.is_whole(weights));
}

TEST_CASE("what can't fit is refused before the first byte, less what is there already") {
  hub_bench b;
  auto x = b.options();
  x.free_space = [](const std::filesystem::path&) { return std::uint64_t{200'100}; };
  auto refused = b.pull_with(x);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::disk_full);
  CHECK(mentions(refused.error(), "are missing"));
  CHECK(b.asked(host::cdn, "GET", weights) == 0);
  auto begun = b.server.content(weights).substr(0, 100'000);
  b.folder.put("hub/models--org--model/blobs/" + b.server.etag(weights) + ".incomplete", begun);
  CHECK(b.pull_with(x));
}

TEST_CASE("a token that would break out of its header is refused") {
  hub_bench b;
  auto x = b.options();
  x.hub.token = "a\r\nX-Evil: 1";
  auto refused = b.pull_with(x);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK_FALSE(mentions(refused.error(), "Evil"));
  CHECK(b.server.seen().empty());
}
