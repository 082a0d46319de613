#include "support/catch.hpp"

#include <vef/nodes/outliers.hpp>
#include <vef/nodes/placement.hpp>

#include <limits>
#include <queue>

using namespace vef;
using namespace std::chrono_literals;

namespace {

/// Three failures in a row, for 5 s and 60 s at most, of ten nodes.
struct watched : outliers {
  time_point now{};

  explicit watched(outlier_rules rules = {.failures = 3})
      : outliers{rules} {}

  bool fail(const std::string& node, int times = 1, std::size_t known = 10) {
    auto out = false;
    for (int i = 0; i < times; ++i) out = failed(node, now, known);
    return out;
  }
  void succeed(const std::string& node) { succeeded(node, now); }
  bool out(const std::string& node) const { return ejected(node, now); }

  /// How long it is out from now on, in whole seconds.
  int seconds_out(const std::string& node) {
    int count = 0;
    for (; out(node) && count < 1000; ++count) now += 1s;
    return count;
  }
};

} // namespace

TEST_CASE("a node is ejected after so many failures in a row, and a success ends the row") {
  watched x;
  CHECK_FALSE(x.fail("a", 2));
  x.succeed("a");
  CHECK_FALSE(x.fail("a", 2));
  CHECK_FALSE(x.out("a"));
  CHECK(x.fail("a"));
  CHECK(x.out("a"));
  CHECK_FALSE(x.out("b"));
}

TEST_CASE("without a number of failures nothing is ejected") {
  watched x{{.failures = 0}};
  CHECK_FALSE(x.fail("a", 1000));
  CHECK_FALSE(x.out("a"));
}

TEST_CASE("after its time a node gets one trial, and all requests again once that has succeeded") {
  watched x;
  x.fail("a", 3);
  CHECK(x.seconds_out("a") == 5);
  x.given("a", x.now);
  CHECK(x.out("a")); // the trial is under way
  x.succeed("a");
  CHECK_FALSE(x.out("a"));
  CHECK_FALSE(x.fail("a", 2)); // trusted again: it takes a whole row
}

TEST_CASE("a trial that fails ejects the node at once and for longer, up to the longest time") {
  watched x;
  x.fail("a", 3);
  for (auto expected : {5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 60, 60}) {
    CHECK(x.seconds_out("a") == expected);
    x.given("a", x.now);
    CHECK(x.fail("a"));
  }
}

TEST_CASE("a trial of which nothing is heard is followed by another") {
  watched x;
  x.fail("a", 3);
  x.now += 5s;
  x.given("a", x.now);
  CHECK(x.seconds_out("a") == 5);
  CHECK(x.fail("a")); // late, and a failure all the same
}

TEST_CASE("answers to requests from before the ejection change nothing") {
  watched x;
  x.fail("a", 3);
  x.now += 1s;
  x.succeed("a");
  CHECK(x.out("a"));
  CHECK_FALSE(x.fail("a", 10));
  CHECK(x.seconds_out("a") == 4);
}

TEST_CASE("each of the longest times that a node does well takes back one ejection") {
  watched x;
  x.fail("a", 3);
  x.now += 5s;
  x.fail("a");
  x.now += 10s;
  x.fail("a"); // the third
  CHECK(x.seconds_out("a") == 15);
  x.succeed("a");
  x.now += 106s; // two minutes since the last failure, and one second
  x.succeed("a");
  x.fail("a", 3);
  CHECK(x.seconds_out("a") == 10);
  x.succeed("a");
  x.now += 10min;
  x.succeed("a");
  x.fail("a", 3);
  CHECK(x.seconds_out("a") == 5);
}

TEST_CASE("no more than a share of the nodes is ejected, and the others are tried although they fail") {
  watched x;
  for (auto name : {"a", "b", "c", "d"}) x.fail(name, 3, 5);
  CHECK((x.out("a") && x.out("b")));
  CHECK_FALSE((x.out("c") || x.out("d")));
  x.now += 5s;
  x.succeed("a");
  CHECK(x.fail("c", 1, 5)); // its row goes on
  CHECK(x.out("c"));
}

TEST_CASE("the only node is never ejected, and one of two is") {
  watched x;
  CHECK_FALSE(x.fail("a", 100, 1));
  CHECK(x.fail("a", 1, 2));
  CHECK_FALSE(x.fail("b", 100, 2));
}

TEST_CASE("a node that was forgotten starts anew") {
  watched x;
  x.fail("a", 3);
  x.forget("a");
  CHECK_FALSE(x.out("a"));
  CHECK_FALSE(x.fail("a", 2));
  CHECK(x.fail("a"));
  CHECK(x.seconds_out("a") == 5);
}

TEST_CASE("outlier rules that make no sense are refused") {
  auto refused = [](outlier_rules x) {
    auto out = validate(x);
    return out ? "" : std::string{to_string(out.error().code)} + ": " + out.error().what;
  };
  auto day = std::chrono::milliseconds{24h};
  CHECK(refused({}).empty());
  CHECK(refused({.most_ejected = 0}).empty());
  CHECK(refused({.most_ejected = 1}).empty());
  CHECK(refused({.first_ejection = 0ms})
        == "invalid_config: outlier rules: the first ejection must be longer than 0 ms");
  CHECK(refused({.first_ejection = 61s})
        == "invalid_config: outlier rules: the longest ejection must not be shorter than the first");
  CHECK(refused({.longest_ejection = day * 36500}).empty());
  CHECK(refused({.longest_ejection = day * 36501})
        == "invalid_config: outlier rules: the longest ejection must not be above a century");
  for (auto share : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()})
    CHECK(refused({.most_ejected = share})
          == "invalid_config: outlier rules: the share of ejected nodes must be from 0 to 1");
}

// -- the failing node that looks idle -----------------------------------------------------------------------

namespace {

/// Requests to four nodes, one each 5 ms for 100 s. The first fails after 1 ms, the others answer after 50
/// ms. The share of them that the failing one is given.
double share_of_failing(outlier_rules rules) {
  struct answer {
    outliers::time_point at;
    std::size_t from;
    bool operator>(const answer& x) const { return at > x.at; }
  };
  std::vector<place_candidate> nodes;
  for (auto name : {"fails", "b", "c", "d"})
    nodes.push_back({.node = name, .offers = true, .ready = true, .image_time = 50ms});
  nodes[0].image_time = 0ms; // it never answered
  std::priority_queue<answer, std::vector<answer>, std::greater<>> answers;
  outliers watch{rules};
  std::mt19937_64 dice{3};
  int given = 0, all = 0;
  for (outliers::time_point now{}; now < outliers::time_point{100s}; now += 5ms, ++all) {
    for (; !answers.empty() && answers.top().at <= now; answers.pop()) {
      auto [at, from] = answers.top();
      --nodes[from].queued;
      from == 0 ? (void)watch.failed(nodes[0].node, at, nodes.size()) : watch.succeeded(nodes[from].node, at);
    }
    for (auto& x : nodes) x.usable = !watch.ejected(x.node, now);
    auto to = choose_route(nodes, 1, dice).value().candidate;
    ++nodes[to].queued;
    watch.given(nodes[to].node, now);
    answers.push({now + (to == 0 ? 1ms : 50ms), to});
    if (to == 0) ++given;
  }
  return static_cast<double>(given) / all;
}

} // namespace

TEST_CASE("a node that fails fast does not attract the traffic") {
  CHECK(share_of_failing({.failures = 0}) > 0.4); // as it would: its queue is always the shortest
  CHECK(share_of_failing({}) < 0.01);
}
