#include "backends/hub_bench.hpp"
#include "support/catch.hpp"

#include <future>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;
using host = hub_server::host;

namespace fs = std::filesystem;

namespace {

const std::string weights = "model.safetensors";

hub_server::change cut_after(std::size_t bytes) {
  return [bytes](reply& x) { x.cut = bytes; };
}

// A model whose weights are in two files.
void shard(hub_server& server, const std::string& index) {
  server.forget(weights);
  server.put_small("model.safetensors.index.json", index);
  server.put_large("model-1.safetensors", std::string(70'000, '1'));
  server.put_large("model-2.safetensors", std::string(90'000, '2'));
}

constexpr auto good_index = R"({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})";

} // namespace

TEST_CASE("a pulled model lies in the cache as Python's tools expect it") {
  hub_bench b;
  auto pulled = b.pull();
  REQUIRE(pulled);
  CHECK(pulled->commit == b.server.commit);
  CHECK(pulled->snapshot == b.cache.repository("org/model") / "snapshots" / b.server.commit);
  CHECK(pulled->files.size() == 3);
  CHECK(pulled->size() == pulled->downloaded());
  for (auto path : {"config.json", "preprocessor_config.json", "model.safetensors"}) {
    CHECK(b.is_whole(path));
    CHECK(fs::read_symlink(pulled->snapshot / path) == fs::path{"../../blobs"} / b.server.etag(path));
  }
  CHECK(b.cache.commit_of({"org/model", "main"}) == b.server.commit);
  CHECK(b.cache.is_known_missing("org/model", b.server.commit, "processor_config.json"));
  CHECK(b.parts() == 0);
}

TEST_CASE("what was pulled once is not downloaded again") {
  hub_bench b;
  REQUIRE(b.pull());
  auto again = b.pull();
  REQUIRE(again);
  CHECK(again->downloaded() == 0);
  CHECK(b.asked(host::cdn, "GET", weights) == 1);
  CHECK(b.asked(host::hub, "GET", "config.json") == 1);
}

TEST_CASE("a revision is resolved once and noted by its name") {
  hub_bench b;
  REQUIRE(b.pull("refs/pr/1"));
  CHECK(b.cache.commit_of({"org/model", "refs/pr/1"}) == b.server.commit);
  std::size_t by_name = 0;
  for (const auto& x : b.server.seen())
    by_name += x.request.target.find("/resolve/refs%2Fpr%2F1/") != std::string::npos;
  CHECK(by_name == 1);
}

TEST_CASE("the token goes to the hub and to no other host") {
  hub_bench b;
  REQUIRE(b.pull());
  std::size_t elsewhere = 0;
  for (const auto& x : b.server.seen()) {
    if (x.where == host::hub) CHECK(x.request.header("authorization") == "Bearer hf_secret");
    if (x.where == host::cdn) CHECK(x.request.header("authorization").empty());
    elsewhere += x.where == host::cdn;
  }
  CHECK(elsewhere == 1);
}

TEST_CASE("the token stays behind when a download is sent on from the hub to another host") {
  hub_bench b;
  auto target = b.server.cdn() + "/blobs/" + b.server.etag("config.json") + "?signature=s3cret";
  b.server.next(host::hub, "GET", "config.json", hub_server::status(302, {{"Location", target}}));
  REQUIRE(b.pull());
  auto seen = b.server.seen(host::cdn, "GET", "config.json");
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].header("authorization").empty());
  CHECK(b.is_whole("config.json"));
}

TEST_CASE("a renamed repository is followed to its new name, with the token") {
  hub_bench b;
  auto moved = pull({"old/name", "main"}, b.options());
  REQUIRE_FALSE(moved); // the server has no such name
  b.server.next(host::hub, "HEAD", "/old/name/resolve/main/config.json",
                hub_server::status(307, {{"Location", "/org/model/resolve/main/config.json"}}));
  for (auto path : {"config.json", "preprocessor_config.json", "processor_config.json", "model.safetensors"})
    b.server.next(
        host::hub, "HEAD", "/old/name/resolve/" + b.server.commit + '/' + path,
        hub_server::status(307, {{"Location", "/org/model/resolve/" + b.server.commit + '/' + path}}));
  auto pulled = pull({"old/name", "main"}, b.options());
  REQUIRE(pulled);
  CHECK(content_of(pulled->snapshot / weights) == b.server.content(weights));
  for (const auto& x : b.server.seen(host::hub, "HEAD", weights))
    CHECK(x.header("authorization") == "Bearer hf_secret");
}

TEST_CASE("weights in several files come with the index that names them") {
  hub_bench b;
  shard(b.server, good_index);
  auto pulled = b.pull();
  REQUIRE(pulled);
  CHECK(pulled->files.size() == 5);
  for (auto path : {"model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors"})
    CHECK(b.is_whole(path));
}

TEST_CASE("an index of garbage, of hostile names or of files that are missing leaves nothing to see") {
  for (auto [index, text] : {std::pair{"garbage", "no JSON"},
                             std::pair{R"({"weight_map": {"a": "../../../../evil.safetensors"}})", "evil"},
                             std::pair{R"({"weight_map": {"a": "model-3.safetensors"}})", "not there"}}) {
    hub_bench b;
    shard(b.server, index);
    auto refusal = b.refusal();
    INFO(refusal.what);
    CHECK(refusal.code == errc::corrupt_model);
    CHECK(mentions(refusal, text));
    CHECK(b.shows_nothing());
  }
}

TEST_CASE("a repository without safetensors is refused with what was looked for") {
  hub_bench b;
  b.server.forget(weights);
  auto refusal = b.refusal();
  CHECK(refusal.code == errc::unsupported_model);
  CHECK(mentions(refusal, "model.safetensors and model.safetensors.index.json"));
  CHECK(b.shows_nothing());
}

TEST_CASE("a cut download goes on from where it was cut") {
  hub_bench b;
  b.server.next(host::cdn, "GET", weights, cut_after(100'000));
  auto pulled = b.pull();
  REQUIRE(pulled);
  auto seen = b.server.seen(host::cdn, "GET", weights);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].header("range").empty());
  CHECK(seen[1].header("range") == "bytes=100000-");
  CHECK(pulled->size() == pulled->downloaded());
  CHECK(b.is_whole(weights));
  CHECK(b.pauses.size() == 1);
}

TEST_CASE("a later pull goes on with what an earlier one left") {
  hub_bench b;
  b.server.next(host::cdn, "GET", weights, cut_after(100'000));
  b.server.next(host::cdn, "GET", weights, hub_server::status(404), 1);
  CHECK(b.refusal().code == errc::download_failed);
  CHECK(b.shows_nothing());
  CHECK(b.parts() == 100'000);
  auto pulled = b.pull();
  REQUIRE(pulled);
  CHECK(b.server.seen(host::cdn, "GET", weights).back().header("range") == "bytes=100000-");
  CHECK(pulled->downloaded() == 200'000);
  CHECK(b.is_whole(weights));
  CHECK(b.parts() == 0);
}

TEST_CASE("a server that ignores ranges, or sends another one, gives the right bytes all the same") {
  hub_bench b;
  auto whole = [&](reply& x) { x = {.status = 200, .body = b.server.content(weights)}; };
  auto other = [&](reply& x) {
    x = {.status = 206,
         .headers = {{"Content-Range", "bytes 0-299999/300000"}},
         .body = b.server.content(weights)};
  };
  for (const hub_server::change& how : std::vector<hub_server::change>{whole, other}) {
    hub_bench fresh;
    fresh.server.next(host::cdn, "GET", weights, cut_after(100'000));
    fresh.server.next(host::cdn, "GET", weights, how);
    REQUIRE(fresh.pull());
    CHECK(fresh.is_whole(weights));
  }
}

TEST_CASE("a part file that the server finds too long is thrown away") {
  hub_bench b;
  b.server.next(host::cdn, "GET", weights, cut_after(100'000));
  b.server.next(host::cdn, "GET", weights, hub_server::status(416));
  REQUIRE(b.pull());
  CHECK(b.server.seen(host::cdn, "GET", weights).back().header("range").empty());
  CHECK(b.is_whole(weights));
}

TEST_CASE("a part file of other bytes is found out and downloaded anew") {
  for (std::size_t size : {1000u, 300'000u, 400'000u}) {
    hub_bench b;
    b.folder.put("hub/models--org--model/blobs/" + b.server.etag(weights) + ".incomplete",
                 std::string(size, 'x'));
    REQUIRE(b.pull());
    CHECK(b.is_whole(weights));
    CHECK(b.parts() == 0);
  }
}

TEST_CASE("two pulls of the same model at once download it once") {
  hub_bench b;
  std::promise<void> other_waits;
  std::atomic<bool> told = false;
  b.server.next(host::cdn, "GET", weights,
                [&](reply&) { other_waits.get_future().wait_for(std::chrono::seconds{20}); });
  auto x = b.options();
  x.parallel = 1; // so that the one that waits, waits for the weights
  x.pause = [&](std::chrono::milliseconds, const std::stop_token&) {
    if (!told.exchange(true)) other_waits.set_value();
    std::this_thread::yield();
    return true;
  };
  auto first = std::async(std::launch::async, [&] { return hub_bench::pull_with(x); });
  auto second = hub_bench::pull_with(x);
  auto one = first.get();
  REQUIRE(one);
  REQUIRE(second);
  CHECK(told);
  CHECK(b.asked(host::cdn, "GET", weights) == 1);
  CHECK(one->downloaded() + second->downloaded() == one->size());
  CHECK(b.is_whole(weights));
}

TEST_CASE("a pull that is stopped shows nothing and is gone on with") {
  hub_bench b;
  b.server.put_model(4'000'000);
  std::stop_source stop;
  auto x = b.options();
  x.stop = stop.get_token();
  x.on_progress = [&](const std::string& file, std::uint64_t done, std::uint64_t) {
    if (file == weights && done > 0) stop.request_stop();
  };
  auto stopped = b.pull_with(x);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == errc::cancelled);
  CHECK(b.shows_nothing());
  auto left = b.parts();
  CHECK(left > 0);
  auto pulled = b.pull();
  REQUIRE(pulled);
  CHECK(b.server.seen(host::cdn, "GET", weights).back().header("range")
        == "bytes=" + std::to_string(left) + '-');
  CHECK(b.is_whole(weights));
}

TEST_CASE("progress tells every file before the first byte, and its end") {
  hub_bench b;
  std::map<std::string, std::vector<std::uint64_t>> told;
  auto x = b.options();
  x.on_progress = [&](const std::string& file, std::uint64_t done, std::uint64_t total) {
    CHECK(total == b.server.content(file).size());
    told[file].push_back(done);
  };
  REQUIRE(b.pull_with(x));
  CHECK(told.size() == 3);
  for (const auto& [file, done] : told) {
    CHECK(done.front() == 0);
    CHECK(std::ranges::is_sorted(done));
    CHECK(done.back() == b.server.content(file).size());
  }
}
