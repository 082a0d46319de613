// Nodes that die, freeze, come back, are slow or fail, while requests are under way: real processes, real
// connections.
#include "network/node_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;

class three_nodes : public node_fixture {
public:
  three_nodes() { start_all({}); }

protected:
  explicit three_nodes(test_node_options third) { start_all(std::move(third)); }

  /// All of them have it, so that all are given requests.
  void load_everywhere(client& by, const std::string& model = "a") {
    for (const auto& node : names{"a", "b", "c"}) {
      auto loaded = by.ask<model_status>(by.front(), load_atom_v, node, std::string{"numbered"}, model);
      REQUIRE(loaded);
    }
    REQUIRE(comes([&] {
      return std::ranges::all_of(view("a").nodes,
                                 [](const node_view& x) { return !x.report.models.empty(); });
    }));
  }

  std::uint32_t pictures_begun(const std::string& at) {
    std::uint32_t sum = 0;
    for (const auto& [number, count] : begun({at})) sum += count;
    return sum;
  }

private:
  void start_all(test_node_options third) {
    start({.name = "a"});
    start({.name = "b", .join = {"a"}});
    third.name = "c";
    third.join = {"b"};
    start(std::move(third));
    REQUIRE(comes([&] { return agree({"a", "b", "c"}); }));
  }
};

class slow_third : public three_nodes {
public:
  slow_third()
      : three_nodes({.per_picture = 5000us}) {}
};

class failing_third : public three_nodes {
public:
  failing_third()
      : three_nodes({.words = {"fails"}}) {}
};

/// A load that has begun.
class running_load : public load {
public:
  explicit running_load(client& by, load_shape shape = {})
      : load(by, std::move(shape)) {
    more();
  }

  /// Some more of its requests are done.
  void more(std::uint32_t requests = 30) {
    auto before = done();
    REQUIRE(comes([&] { return done() >= before + requests; }));
  }
};

} // namespace

TEST_CASE_METHOD(three_nodes, "a node that joins by one other is soon known to all") {
  for (const auto& at : names{"a", "b", "c"})
    for (const auto& of : names{"a", "b", "c"}) {
      auto x = view(at, of);
      REQUIRE(x);
      CHECK(x->link == (at == of ? link_state::here : link_state::up));
      CHECK(x->report.catalog.size() == 1);
    }
}

TEST_CASE_METHOD(three_nodes, "when a node is killed others do what it had to do, and nobody notices") {
  auto by = connect({"a", "c"}); // one that dies and one that knows it
  load_everywhere(*by);
  running_load work{*by};
  (*this)["c"].kill();
  work.more();
  auto end = work.stop();
  INFO(end);
  CHECK(end.sound());
  CHECK(end.errors.empty());
  CHECK(comes([&] { return agree({"a", "b"}); }));
}

TEST_CASE_METHOD(three_nodes, "a frozen node is passed over, and used again when it has thawed") {
  auto by = connect({"a"});
  load_everywhere(*by);
  running_load work{*by};
  (*this)["c"].freeze();
  CHECK(comes([&] { return agree({"a", "b"}); }));
  work.more();
  (*this)["c"].thaw();
  CHECK(comes([&] { return agree({"a", "b", "c"}); }));
  auto before = pictures_begun("c");
  CHECK(comes([&] { return pictures_begun("c") > before; }));
  auto end = work.stop();
  INFO(end);
  CHECK(end.sound());
  CHECK(end.errors.empty());
}

TEST_CASE_METHOD(three_nodes, "a node that is started anew at its address is found again by all") {
  auto by = connect({"a"});
  load_everywhere(*by);
  running_load work{*by};
  auto first = view("a", "c")->facts.incarnation;
  (*this)["c"].kill();
  REQUIRE(comes([&] { return agree({"a", "b"}); }));
  start({.name = "c", .join = {"a"}, .listen = address("c")});
  CHECK(comes([&] { return agree({"a", "b", "c"}); }));
  for (const auto& at : names{"a", "b", "c"}) CHECK(view(at, "c")->facts.incarnation > first);
  auto end = work.stop();
  INFO(end);
  CHECK(end.sound());
  CHECK(end.errors.empty());
}

TEST_CASE_METHOD(slow_third, "a node that takes ten times as long is given the smaller share") {
  auto by = connect({"a"});
  load_everywhere(*by);
  running_load work{*by};
  work.more(150);
  auto end = work.stop();
  INFO(end);
  CHECK(end.sound());
  CHECK(end.errors.empty());
  auto slow = pictures_begun("c"), all = pictures_begun("a") + pictures_begun("b") + slow;
  INFO(slow << " of " << all);
  CHECK(slow > 0);
  CHECK(slow < all / 5);
}

TEST_CASE_METHOD(failing_third, "a node that fails everything at once is ejected and draws few requests") {
  auto by = connect({"a"});
  load_everywhere(*by);
  running_load work{*by};
  work.more(150);
  CHECK(view("a", "c")->link == link_state::ejected);
  auto end = work.stop();
  INFO(end);
  CHECK(end.sound());
  CHECK(end.done > end.requests * 4 / 5);
  for (const auto& [what, count] : end.errors) CHECK(what == "embed_failed: this node fails every picture");
}

TEST_CASE_METHOD(three_nodes, "what must not be done twice is not, though a node is lost with it") {
  auto how = GENERATE(SIGKILL, SIGTERM);
  std::uint32_t most = 0;        // times that one of the pictures was begun
  auto by = connect({"a", "c"}); // c is asked by a, and asks others itself
  load_everywhere(*by);
  running_load work{*by, {.at_once = 12, .pictures = 32, .options = {.replay = replay::never}}};
  (*this)["c"].signal(how);
  (void)(*this)["c"].status();
  work.more();
  auto end = work.stop();
  INFO(end);
  CHECK(end.sound());
  for (const auto& [what, count] : end.errors) CHECK(what.starts_with("unavailable: "));
  for (const auto& [number, times] : begun({"a", "b", "c"})) most = std::max(most, times);
  CHECK(most == 1);
}

TEST_CASE_METHOD(three_nodes, "a node that is told to end finishes what it has, and nobody notices") {
  auto by = connect({"a", "c"});
  load_everywhere(*by);
  running_load work{*by};
  (*this)["c"].signal(SIGTERM);
  auto status = (*this)["c"].status();
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  work.more();
  auto end = work.stop();
  INFO(end);
  CHECK(end.sound());
  CHECK(end.errors.empty());
}

TEST_CASE_METHOD(node_fixture, "clients that are killed in the middle of a batch cost others nothing") {
  auto& node = start({.name = "a"});
  auto by = connect({"a"});
  running_load work{*by};
  std::uint64_t before = 0;
  for (int i = 0; i < 5; ++i) {
    program other{{VEF_TEST_PEER, "load", "node=" + address("a"), "tls=" + tls().string(), "pictures=200",
                   "side=100", "first=1000000"},
                  folder / "peer.log"};
    REQUIRE(other.line() == "under way");
    other.kill();
    work.more();
    if (i == 1) before = node.resident_bytes(); // the first ones fill what the allocator keeps
  }
  auto end = work.stop();
  INFO(end);
  CHECK(end.sound());
  CHECK(end.errors.empty());
  CHECK(comes([&] { return view("a", "a")->report.queued == 0; }));
  CHECK(node.resident_bytes() < before + 48_MiB);
}

TEST_CASE_METHOD(node_fixture, "a model that two nodes are asked for at the same time is loaded once") {
  test_node_options with_model{.models = {"a:1000", "m:1000"}, .words = {"load_ms=300"}};
  for (const auto& name : names{"a", "b", "c"}) {
    with_model.name = name;
    with_model.join = name == "a" ? names{} : names{"a"};
    start(with_model);
  }
  REQUIRE(comes([&] { return agree({"a", "b", "c"}); }));
  std::vector<std::unique_ptr<client>> clients;
  std::vector<std::future<embeddings>> answers;
  for (const auto& name : names{"a", "b", "c"}) clients.push_back(connect({name}));
  for (auto& by : clients) {
    auto request = request_for(100, 4);
    request.model = "m";
    answers.push_back((*by)->embed_async(std::move(request)));
  }
  for (auto& x : answers) {
    auto reply = x.get();
    INFO(reply[0].error().what);
    CHECK(reply.all_ok());
    CHECK(right(reply, 100, 4));
  }
  CHECK(loads("a", "m") + loads("b", "m") + loads("c", "m") == 1);
}
