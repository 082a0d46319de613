#include "support/catch.hpp"

#include <vef/nodes/cluster_view.hpp>

#include <rapidcheck.h>

#include <algorithm>

using namespace vef;
using namespace std::chrono_literals;

namespace {

using news = cluster_view::news;
using source = cluster_view::source;

constexpr timestamp noon{12h};

node_facts facts(const std::string& name, const std::string& address = "host:1",
                 std::uint64_t incarnation = 5) {
  return {.name = name, .address = address, .incarnation = incarnation};
}

catalog_entry offer(const std::string& service, const std::string& id, bool is_default = false) {
  catalog_entry x;
  x.service = service;
  x.model.id = id;
  x.is_default = is_default;
  return x;
}

node_report report(const std::string& node, std::uint64_t number = 1, std::uint32_t queued = 0,
                   std::vector<catalog_entry> catalog = {}) {
  return {.node = node,
          .incarnation = 5,
          .number = number,
          .queued = queued,
          .has_catalog = true,
          .catalog = std::move(catalog)};
}

/// The view of "me", who is connected with those named.
struct view_of_me : cluster_view {
  explicit view_of_me(std::initializer_list<const char*> others = {})
      : cluster_view{facts("me", "here:1")} {
    for (auto name : others) {
      REQUIRE(learn(facts(name)) == news::member);
      set_link(name, link_state::up);
    }
  }

  const node_view& at(const std::string& name) const {
    REQUIRE(find(name));
    return *find(name);
  }
};

std::vector<std::string> names(const std::vector<node_facts>& all) {
  std::vector<std::string> out;
  for (const auto& x : all) out.push_back(x.name);
  return out;
}

using words = std::vector<std::string>;

} // namespace

TEST_CASE("a node that is heard of for the first time is a new member, and not connected") {
  view_of_me view;
  CHECK(view.learn(facts("a"), source::another) == news::member);
  CHECK(view.learn(facts("a"), source::another) == news::nothing);
  CHECK(view.at("a").link == link_state::connecting);
}

TEST_CASE("a node's next process makes the report of the one before void") {
  view_of_me view{"a"};
  REQUIRE(view.on_report(report("a", 1, 7), noon));
  CHECK(view.learn(facts("a", "host:1", 6)) == news::incarnation);
  CHECK(view.at("a").report == node_report{});
  CHECK_FALSE(view.on_report(report("a", 2), noon));
}

TEST_CASE("a node that has moved is learnt as soon as the old connection is gone") {
  view_of_me view{"a"};
  view.set_link("a", link_state::connecting);
  CHECK(view.learn(facts("a", "host:2"), source::another) == news::address);
  CHECK(view.learn(facts("a", "host:3", 6), source::another) == news::incarnation);
  CHECK(view.at("a").facts.address == "host:3");
}

TEST_CASE("what else a node says of itself replaces what it said before") {
  view_of_me view{"a"};
  auto x = facts("a");
  x.labels = {"gpu"};
  CHECK(view.learn(x) == news::facts);
  CHECK(view.at("a").facts.labels == words{"gpu"});
}

TEST_CASE("of a node that is connected, others are not believed") {
  view_of_me view{"a"};
  CHECK(view.learn(facts("a", "host:2"), source::another) == news::nothing);
  CHECK(view.learn(facts("a", "host:2", 6), source::another) == news::nothing);
  CHECK(view.at("a").facts == facts("a"));
}

TEST_CASE("what others say of an earlier process is old news, but a node knows which one it is") {
  view_of_me view{"a"};
  view.set_link("a", link_state::connecting);
  CHECK(view.learn(facts("a", "host:2", 4), source::another) == news::nothing);
  CHECK(view.learn(facts("a", "host:2", 4)) == news::incarnation);
}

TEST_CASE("of two living nodes with one name the second is refused with both addresses") {
  view_of_me view{"a"};
  auto refused = view.learn(facts("a", "host:2", 6));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::duplicate_name);
  CHECK(refused.error().what
        == "two nodes are named 'a', one at 'host:1' and one at 'host:2': give one of them another name");
  CHECK(view.at("a").facts == facts("a"));
}

TEST_CASE("a node with this node's own name is refused, and gossip about an earlier process passed over") {
  view_of_me view;
  CHECK(view.learn(facts("me", "there:1", 4)).error().code == errc::duplicate_name);
  CHECK(view.learn(facts("me", "there:1", 4), source::another) == news::nothing);
  CHECK(view.learn(facts("me", "here:1")) == news::nothing);
  CHECK(view.nodes().empty());
}

TEST_CASE("a node that is seen as others are keeps its name, even against one at the same address") {
  cluster_view view{node_facts{}};
  REQUIRE(view.learn(facts("me")) == news::member);
  view.set_link("me", link_state::here);
  CHECK(view.learn(facts("me", "host:1", 6)).error().code == errc::duplicate_name);
  CHECK(view.learn(facts("me", "host:2", 6), source::another) == news::nothing);
  CHECK(view.find("me")->facts == facts("me"));
  CHECK(view.expire(cluster_view::time_point{} + 1h).empty());
}

TEST_CASE("a client is no member") {
  CHECK(view_of_me{}.learn(facts("")).error().code == errc::invalid_argument);
}

TEST_CASE("a report counts if its node and process are known and it applies") {
  view_of_me view{"a"};
  CHECK(view.on_report(report("a", 2, 7), noon));
  CHECK(view.at("a").report.queued == 7);
  CHECK(view.at("a").heard_at == noon);
  CHECK_FALSE(view.on_report(report("a", 1), noon + 1s));
  CHECK_FALSE(view.on_report(report("stranger"), noon + 1s));
  CHECK(view.at("a").heard_at == noon);
}

TEST_CASE("a node that can't be reached for ten minutes is forgotten") {
  view_of_me view{"a", "b"};
  cluster_view::time_point start{1h};
  view.set_link("a", link_state::connecting, {errc::unreachable, "nobody answers"});
  CHECK(view.expire(start).empty());
  CHECK(view.expire(start + 10min - 1ms).empty());
  CHECK(view.expire(start + 10min) == words{"a"});
  CHECK_FALSE(view.find("a"));
  CHECK(view.find("b"));
}

TEST_CASE("a node that was reached meanwhile is not forgotten, be it ejected") {
  view_of_me view{"a"};
  cluster_view::time_point start{1h};
  view.set_link("a", link_state::connecting);
  view.expire(start);
  view.set_link("a", link_state::ejected);
  CHECK(view.expire(start + 20min).empty());
  view.set_link("a", link_state::connecting);
  CHECK(view.expire(start + 21min).empty());
  CHECK(view.expire(start + 31min) == words{"a"});
}

TEST_CASE("why a node can't be reached is known until it is reached") {
  view_of_me view{"a"};
  view.set_link("a", link_state::connecting, {errc::unreachable, "nobody answers"});
  CHECK(view.at("a").problem == error{errc::unreachable, "nobody answers"});
  view.set_link("a", link_state::up);
  CHECK_FALSE(view.at("a").problem);
}

TEST_CASE("the time of a picture is a mean in which the newest answer weighs a quarter") {
  view_of_me view{"a"};
  view.answered("a", 10, 1000us);
  CHECK(view.at("a").image_time == 100us);
  view.answered("a", 1, 500us);
  CHECK(view.at("a").image_time == 200us);
}

TEST_CASE("an answer in no time is still told from none") {
  view_of_me view{"a"};
  view.answered("a", 10, 0us);
  CHECK(view.at("a").image_time == 1us);
}

TEST_CASE("parts that were done and parts that were not are counted") {
  view_of_me view{"a"};
  view.answered("a", 1, 1ms);
  view.answered("a", 0, 1ms);
  view.failed("a");
  CHECK(view.at("a").requests == 3);
  CHECK(view.at("a").failures == 1);
}

TEST_CASE("what is done with a node that was forgotten harms nobody") {
  view_of_me view{"a"};
  view.given("a", 5);
  view.forget("a");
  view.given("a", 5), view.returned("a", 5), view.answered("a", 5, 1ms), view.failed("a");
  view.set_link("a", link_state::up);
  CHECK_FALSE(view.find("a"));
  CHECK(view.queued("a") == 0);
  REQUIRE(view.learn(facts("a")));
  view.returned("a", 5);
  CHECK(view.queued("a") == 0);
}

TEST_CASE("only nodes that are connected are told of, and their models offered") {
  view_of_me view{"c", "b", "a"};
  for (auto name : {"a", "b", "c"}) REQUIRE(view.on_report(report(name, 1, 0, {offer("s", name)}), noon));
  view.set_link("b", link_state::connecting);
  view.set_link("c", link_state::ejected);
  CHECK(names(view.members()) == words{"a", "c"});
  CHECK(view.models() == std::vector{offer("s", "a"), offer("s", "c")});
  CHECK(view.nodes().size() == 3);
}

TEST_CASE("a model that several nodes offer is listed once, this node's own first, with one default each") {
  view_of_me view{"a", "b"};
  REQUIRE(view.on_report(report("b", 1, 0, {offer("s", "m3", true), offer("t", "m1", true)}), noon));
  REQUIRE(view.on_report(report("a", 1, 0, {offer("s", "m1", true), offer("s", "m2")}), noon));
  CHECK(view.models()
        == std::vector{offer("s", "m1", true), offer("s", "m2"), offer("s", "m3"), offer("t", "m1", true)});
  CHECK(view.models({offer("s", "m2", true)})
        == std::vector{offer("s", "m2", true), offer("s", "m1"), offer("s", "m3"), offer("t", "m1", true)});
}

TEST_CASE("the status of a cluster has the node itself first and the others by name") {
  view_of_me view{"c", "a"};
  node_view self;
  self.facts = facts("me", "here:1");
  self.link = link_state::here;
  auto x = view.status(self);
  REQUIRE(x.nodes.size() == 3);
  CHECK(x.nodes[0] == self);
  CHECK(x.nodes[1] == view.at("a"));
  CHECK(x.nodes[2] == view.at("c"));
}

TEST_CASE("a node's queue is what it reports or what is on its way there, whichever is more") {
  REQUIRE(rc::check([] {
    view_of_me view{"a"};
    std::uint32_t reported = 0, outstanding = 0;
    std::uint64_t number = 0;
    for (auto n = *rc::gen::inRange(0, 50); n > 0; --n) {
      auto pictures = *rc::gen::inRange(0u, 100u);
      switch (*rc::gen::inRange(0, 3)) {
      case 0: view.given("a", pictures), outstanding += pictures; break;
      case 1:
        pictures = std::min(pictures, outstanding);
        view.returned("a", pictures), outstanding -= pictures;
        break;
      default: RC_ASSERT(view.on_report(report("a", ++number, pictures), noon)); reported = pictures;
      }
      RC_ASSERT(view.queued("a") == std::max(reported, outstanding));
    }
  }));
}
