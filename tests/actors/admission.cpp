#include "support/catch.hpp"

#include "actors/waiting_room.hpp"

using namespace vef;
using namespace vef::test;

namespace {

struct one_at_a_time : waiting_room {
  one_at_a_time()
      : waiting_room{{}, {.max_waiting = 2, .parallel_loads = 1}} {}
};

load_claim optional(load_claim x) {
  x.optional = true;
  return x;
}

} // namespace

// -- at once --------------------------------------------------------------------------------------------------

TEST_CASE_METHOD(waiting_room, "a load for which there is room is granted at once") {
  auto a = on_host("a", 60);
  a.working_estimate = 10;
  auto ticket = line_up(a);
  CHECK(granted() == tickets{ticket});
  CHECK(last.granted[0].second.reserved == model_memory{{{"host", 60}}, {{"host", 10}}});
  CHECK(book.held(a.key(), "host").reserved == 70);
  CHECK(models.find(a.key())->loading);
  CHECK_FALSE(last.next);
  CHECK(queue.waiting() == 0);
}

TEST_CASE_METHOD(waiting_room, "what can never be is refused at once") {
  auto large = refusal(on_host("large", 101));
  CHECK(large.code == errc::over_budget);
  CHECK(large.what == "model 'large' needs 101 B of host, more than the budget of 100 B");
  auto strange = on_host("strange", 1);
  strange.ladder[0].device = "cuda:7";
  CHECK(refusal(strange) == error{errc::invalid_argument, "no device 'cuda:7' on this node"});
  CHECK(queue.waiting() == 0);
}

TEST_CASE_METHOD(waiting_room, "a load is refused at once where pins are in the way") {
  resident(on_host("pin", 41));
  models.pin(key("pin"), true);
  auto why = refusal(on_host("a", 60));
  CHECK(why.code == errc::over_budget);
  CHECK(says(why, "pins hold 41 B of 100 B: pinned: pin"));
  CHECK(ask(on_host("a", 59)));
}

TEST_CASE_METHOD(waiting_room, "a pin that comes later refuses who waits for what it holds") {
  resident(on_host("a", 50));
  busy("a");
  auto ticket = line_up(on_host("b", 60));
  CHECK(granted().empty());
  models.pin(key("a"), true);
  CHECK(granted().empty());
  REQUIRE(last.refused.size() == 1);
  CHECK(last.refused[0].first == ticket);
  CHECK(says(last.refused[0].second, "pinned: a"));
}

TEST_CASE_METHOD(waiting_room, "nothing is loaded where a memory is critically short") {
  line_up(on_host("early", 10));
  models.set_pressure("host", pressure::critical);
  CHECK(refusal(on_host("late", 10)).code == errc::out_of_memory);
  CHECK(granted().empty());
  CHECK(last.refused.at(0).second.code == errc::out_of_memory);
  models.set_pressure("host", pressure::high);
  CHECK(ask(on_host("late", 10)));
}

TEST_CASE_METHOD(one_at_a_time, "a load too many is refused as one") {
  resident(on_host("a", 100));
  busy("a");
  line_up(on_host("b", 1));
  line_up(on_host("c", 1));
  auto why = refusal(on_host("d", 1));
  CHECK(why == error{errc::overloaded, "model 'd' would be load 3 to wait for memory, 2 may"});
}

TEST_CASE_METHOD(waiting_room,
                 "an optional load is refused where it would need an eviction or have to wait") {
  resident(on_host("a", 50));
  pass(1min);
  CHECK(says(refusal(optional(on_host("b", 51))), "held by a (50 B)"));
  CHECK(refusal(optional(with_places(on_host("b", 10), 1))).code == errc::over_budget);
  auto fits = line_up(optional(on_host("b", 50)));
  CHECK(granted() == tickets{fits});
}

TEST_CASE_METHOD(one_at_a_time, "an optional load neither overtakes nor waits for its turn") {
  resident(on_host("a", 50));
  busy("a");
  line_up(on_host("large", 60));
  CHECK(refusal(optional(on_host("b", 10))).code == errc::over_budget);
  line_up(on_device("loads", 0, 10));
  CHECK(granted().size() == 1);
  CHECK(refusal(optional(on_device("c", 0, 10))).code == errc::over_budget);
}

TEST_CASE_METHOD(one_at_a_time, "an optional load that finds its turn taken is refused and evicts nobody") {
  line_up(on_host("a", 10));
  auto b = line_up(optional(on_device("b", 0, 10)));
  CHECK(granted().size() == 1);
  REQUIRE(last.refused.size() == 1);
  CHECK(last.refused[0].first == b);
  CHECK(last.steps.empty());
}

// -- in turn --------------------------------------------------------------------------------------------------

TEST_CASE_METHOD(waiting_room, "a small load does not overtake a large one on the same device") {
  resident(on_host("a", 50));
  busy("a");
  auto large = line_up(on_host("large", 60)), small = line_up(on_host("small", 10));
  auto elsewhere = line_up(on_device("elsewhere", 0, 10));
  CHECK(granted() == tickets{elsewhere});
  CHECK(queue.waits_for("host"));
  CHECK_FALSE(queue.waits_for("cuda:0"));
  models.gone(key("elsewhere"));
  models.gone(key("a"));
  CHECK(granted() == tickets{large, small});
}

TEST_CASE_METHOD(waiting_room, "a small load goes beside a large one where there is room for both") {
  resident(on_host("a", 50));
  busy("a");
  auto large = on_host("large", 10);
  large.ladder.push_back({tier::host, "cuda:0", 90});
  resident(on_device("b", 0, 50));
  busy("b");
  line_up(large);
  line_up(on_host("too much", 41));
  auto small = line_up(on_host("small", 40));
  CHECK(granted().empty()); // the second waits, and holds up the third
  CHECK(queue.abandon(key("too much")).size() == 1);
  CHECK(granted() == tickets{small});
}

TEST_CASE_METHOD(one_at_a_time, "no more loads are under way than may be") {
  auto a = line_up(on_host("a", 10)), b = line_up(on_host("b", 10));
  CHECK(granted() == tickets{a});
  CHECK(granted().empty());
  settle("a", {{{"host", 12}}, {}});
  CHECK(granted() == tickets{b});
}

TEST_CASE_METHOD(waiting_room, "the loads of a model that is gone are forgotten") {
  resident(on_host("a", 100));
  busy("a");
  auto b = line_up(on_host("b", 10)), c = line_up(on_host("c", 10));
  CHECK(queue.abandon(key("b")) == tickets{b});
  CHECK(queue.abandon(key("b")).empty());
  models.gone(key("a"));
  CHECK(granted() == tickets{c});
}
