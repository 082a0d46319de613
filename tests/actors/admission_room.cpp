#include "support/catch.hpp"

#include "actors/waiting_room.hpp"

using namespace vef;
using namespace vef::test;

// -- making way -----------------------------------------------------------------------------------------------

TEST_CASE_METHOD(waiting_room,
                 "an idle model is told to go, once, and the load is granted when it has gone") {
  resident(on_host("a", 50));
  pass(1min);
  auto b = line_up(on_host("b", 60));
  REQUIRE(steps() == words{"a"});
  CHECK(says({errc::ok, last.steps[0].why}, "makes room for 's/b': not used for 60 s"));
  auto step = last.steps[0];
  CHECK(steps().empty());
  make(step);
  CHECK(granted() == tickets{b});
}

TEST_CASE_METHOD(waiting_room, "a load waits until a young model may go, and says until when") {
  resident(on_host("a", 50));
  line_up(on_host("b", 60));
  CHECK(steps().empty());
  REQUIRE(last.next == now + 500ms);
  now = *last.next;
  CHECK(steps() == words{"a"});
}

TEST_CASE_METHOD(waiting_room, "a load that has waited for long asks the busy ones as well") {
  resident(on_host("a", 50));
  busy("a");
  pass(1min);
  line_up(on_host("b", 60));
  CHECK(steps().empty());
  CHECK(last.next == now + 2s);
  pass(2s);
  CHECK(steps() == words{"a"});
}

TEST_CASE_METHOD(waiting_room,
                 "a load that found no room within the limit is refused with who is in the way") {
  resident(on_host("a", 50));
  auto asked = now;
  auto b = line_up(on_host("b", 60));
  models.climbing(key("a"), true); // never goes
  busy("a");
  while (granted().empty() && last.refused.empty()) {
    REQUIRE(last.next > now);
    now = *last.next;
  }
  CHECK(now == asked + 2min);
  CHECK(last.refused.at(0).first == b);
  auto why = last.refused[0].second;
  CHECK(why.code == errc::over_budget);
  CHECK(says(why, "model 'b' needs 60 B of host, of which 50 B of 100 B are free; held by a (50 B)"));
  CHECK(says(why, "in use: a; it waited for 120 s"));
  CHECK_FALSE(last.next);
}

TEST_CASE_METHOD(waiting_room, "a model of the same service makes a place") {
  resident(on_host("other", 1, "t"));
  resident(on_host("a", 1));
  pass(1min);
  auto b = line_up(with_places(on_host("b", 1), 1));
  auto c = line_up(with_places(on_host("c", 1), 1));
  REQUIRE(steps() == words{"a"});
  make(last.steps[0]);
  CHECK(granted() == tickets{b});
  CHECK(granted().empty());
  models.gone(key("b"));
  CHECK(granted() == tickets{c});
}

TEST_CASE_METHOD(waiting_room, "a load that found no place is refused with that") {
  resident(on_host("a", 1));
  models.pin(key("a"), true);
  line_up(with_places(on_host("b", 1), 1));
  pass(2min);
  CHECK(granted().empty());
  CHECK(says(last.refused.at(0).second, "service 's' may have 1 models in memory, and those are in use"));
}

// -- tiers ----------------------------------------------------------------------------------------------------

TEST_CASE_METHOD(waiting_room, "a model a tier lower needs only the difference, and no further place") {
  auto a = with_places(on_host("a", 90), 1);
  a.ladder = {{tier::mapped, "host", 60}, {tier::host, "host", 90}};
  a.tier = tier::mapped;
  resident(a);
  resident(on_host("other", 10, "t"));
  a.tier = tier::host;
  auto ticket = line_up(a);
  CHECK(granted() == tickets{ticket});
  CHECK(book.held(a.key(), "host").reserved == 30);
  REQUIRE(settle("a", {{{"host", 90}}, {}}));
  CHECK(book.room("host") == 0);
}

TEST_CASE_METHOD(waiting_room, "a climb beyond the budget is refused at once") {
  auto a = on_host("a", 101);
  a.ladder = {{tier::mapped, "host", 60}, {tier::host, "host", 101}};
  a.tier = tier::mapped;
  resident(a);
  a.tier = tier::host;
  CHECK(says(refusal(a), "needs 101 B of host, more than the budget"));
}

TEST_CASE_METHOD(waiting_room, "memory that a model gave back while it waited is asked for again") {
  auto a = on_host("a", 60);
  a.ladder = {{tier::mapped, "host", 20}, {tier::host, "host", 60}};
  a.tier = tier::mapped;
  resident(a, 30);
  resident(on_host("other", 50));
  a.tier = tier::host;
  line_up(a); // the 50 that it has and 10
  CHECK(granted().empty());
  book.shrink(a.key(), {"host", 0});
  models.gone(key("other"));
  CHECK(granted().size() == 1);
  CHECK(book.held(a.key(), "host").reserved == 40);
  CHECK(settle("a", {{{"host", 60}}, {}}));
  CHECK(book.held(a.key(), "host").reserved == 0);
}

TEST_CASE_METHOD(waiting_room, "a climb out of a memory that is critically short needs nothing more of it") {
  auto a = on_device("a", 40, 50);
  a.ladder.push_back({tier::device, "host", 10});
  a.tier = tier::host;
  resident(a);
  models.set_pressure("host", pressure::critical);
  a.tier = tier::device;
  auto id = line_up(a);
  CHECK(granted() == tickets{id});
}

TEST_CASE_METHOD(waiting_room,
                 "a model that waits to climb does not go for others, and may again when it is refused") {
  auto a = on_device("a", 40, 50);
  a.tier = tier::host;
  resident(a);
  resident(on_device("b", 0, 100));
  models.pin(key("b"), true);
  pass(1min);
  a.tier = tier::device;
  CHECK(refusal(a).code == errc::over_budget);
  CHECK_FALSE(models.find(a.key())->climbing);
  models.pin(key("b"), false);
  busy("b");
  line_up(a);
  CHECK(for_room(40).empty());
  pass(2min);
  CHECK(granted().empty());
  CHECK(for_room(40) == words{"a"});
}

TEST_CASE(
    "what is known from earlier loads goes before the catalog, and working memory is where the tier serves") {
  auto x = on_device("a", 40, 50);
  x.working_estimate = 5;
  CHECK(needs_of(x, nullptr).reserved == model_memory{{{"cuda:0", 50}}, {{"cuda:0", 5}}});
  model_usage known{.who = x.key()};
  known.tiers = {{tier::device, "cuda:0", 44}};
  known.working = {{1, 7}};
  auto grant = needs_of(x, &known);
  CHECK(grant.reserved == model_memory{{{"cuda:0", 44}}, {{"cuda:0", 7}}});
  CHECK(grant.measured);
  x.tier = tier::host;
  CHECK_FALSE(needs_of(x, &known).measured);
  x.ladder[0].serves = false;
  CHECK(needs_of(x, &known).reserved.working.empty());
  CHECK(sum_of({{{"host", 1}, {"cuda:0", 2}}, {{"host", 4}}})
        == std::vector<device_bytes>{{"cuda:0", 2}, {"host", 5}});
}

// -- plans ----------------------------------------------------------------------------------------------------

namespace {

struct planner : waiting_room {
  load_plan plan(const load_claim& x) const { return queue.plan(x, needs_of(x, nullptr), now); }

  /// Loads it, and says who was told to go for that.
  words load(const load_claim& x) {
    words gone;
    line_up(x);
    while (granted().empty() && last.refused.empty()) {
      for (const auto& step : last.steps) gone.push_back(told({step}).at(0));
      if (auto made = last.steps; !made.empty())
        make_all(made);
      else
        now = last.next.value();
    }
    CHECK(last.refused.empty());
    return gone;
  }
};

} // namespace

TEST_CASE_METHOD(planner, "a plan says what a load needs and who would go") {
  resident(on_host("a", 50));
  resident(on_host("b", 40));
  pass(1s);
  idle("a");
  pass(1s);
  auto x = on_host("c", 30);
  x.working_estimate = 10;
  auto plan_of_c = plan(x);
  CHECK_FALSE(plan_of_c.refusal);
  CHECK(plan_of_c.needs == std::vector<device_bytes>{{"host", 40}});
  CHECK(told(plan_of_c.evictions) == words{"b"});
  CHECK(load(x) == words{"b"});
  CHECK(plan(x).evictions.size() == 1);
}

TEST_CASE_METHOD(planner, "a plan for what is there or has room evicts nobody") {
  resident(on_host("a", 50));
  CHECK(plan(on_host("a", 50)).evictions.empty());
  CHECK(plan(on_host("b", 50)).evictions.empty());
}

TEST_CASE_METHOD(planner, "a plan for what can't be says why") {
  resident(on_host("a", 50));
  models.pin(key("a"), true);
  CHECK(plan(on_host("b", 101)).refusal.code == errc::over_budget);
  CHECK(says(plan(on_host("b", 60)).refusal, "pinned: a"));
  CHECK(plan(with_places(on_host("b", 1), 1)).refusal.code == errc::over_budget);
  CHECK(plan(on_host("b", 60)).evictions.empty());
}

TEST_CASE_METHOD(planner, "who goes for a place is not counted twice in a plan") {
  resident(with_places(on_host("a", 40), 1));
  pass(1s);
  resident(on_host("other", 50, "t"));
  pass(1s);
  auto x = with_places(on_host("b", 60), 1);
  CHECK(told(plan(x).evictions) == words{"a", "other"});
  CHECK(load(x) == words{"a", "other"});
}

TEST_CASE_METHOD(planner, "a plan counts on what leaving models free") {
  resident(on_host("a", 50));
  resident(on_host("b", 50));
  start_out("a");
  CHECK(plan(on_host("c", 50)).evictions.empty());
  CHECK(told(plan(on_host("c", 60)).evictions) == words{"b"});
}
