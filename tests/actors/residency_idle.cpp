#include "support/catch.hpp"

#include "actors/memory_world.hpp"

#include <rapidcheck.h>

using namespace vef;
using namespace vef::test;

namespace {

load_claim with_timeouts(load_claim x, std::chrono::milliseconds device, std::chrono::milliseconds host) {
  x.idle = {device, host};
  return x;
}

} // namespace

TEST_CASE_METHOD(memory_world,
                 "a model goes a tier down after the device's timeout and out after the host's") {
  resident(with_timeouts(on_device("a", 40, 50), 10s, 30s));
  idle("a");
  CHECK(models.next_idle() == now + 10s);
  pass(9999ms);
  CHECK(idle_for_long().empty());
  pass(1ms);
  auto steps = models.idle_too_long(now);
  REQUIRE(told(steps) == words{"a>host"});
  CHECK(steps[0].why == "not used for 10 s");
  make(start(steps[0]));
  CHECK(models.next_idle() == now + 20s); // since its last use, not since it went down
  pass(20s);
  CHECK(idle_for_long() == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a model goes out at once where the host's timeout is the shorter one") {
  resident(with_timeouts(on_device("a", 40, 50), 30s, 10s));
  pass(10s);
  CHECK(idle_for_long() == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a model that lives on a device only goes out after the device's timeout") {
  auto a = on_device("a", 0, 50);
  a.ladder.erase(a.ladder.begin());
  resident(with_timeouts(a, 10s, 30s));
  pass(10s);
  CHECK(idle_for_long() == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a model of host memory stays until the host's timeout") {
  resident(with_timeouts(on_host("a", 40), 10s, 30s));
  CHECK(models.next_idle() == now + 30s);
  pass(30s);
  CHECK(idle_for_long() == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a model goes out where the lower tier has no room for it") {
  resident(with_timeouts(on_device("a", 40, 50), 10s, 30s));
  resident(on_host("other", 61));
  pass(10s);
  CHECK(idle_for_long() == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a use begins the time anew") {
  resident(with_timeouts(on_host("a", 40), 10s, 30s));
  pass(29s);
  idle("a");
  CHECK(models.next_idle() == now + 30s);
}

TEST_CASE_METHOD(memory_world, "whoever is busy, pinned, leaving or climbing is not idle") {
  resident(on_host("a", 40));
  pass(24h);
  CHECK(idle_for_long() == words{"a"});
  auto stays = [&] { return idle_for_long().empty() && !models.next_idle(); };
  models.pin(key("a"), true);
  CHECK(stays());
  models.pin(key("a"), false);
  models.climbing(key("a"), true);
  CHECK(stays());
  models.climbing(key("a"), false);
  busy("a");
  CHECK(stays());
  idle("a");
  pass(24h);
  auto step = start_out("a");
  CHECK(stays());
  refuse(step);
  CHECK(models.next_idle() == now + 1s);
}

// -- keep-alive -----------------------------------------------------------------------------------------------

TEST_CASE_METHOD(memory_world,
                 "a request's keep-alive goes before the model's, and the model's before the service's") {
  auto a = on_device("a", 40, 50);
  a.keep_alive = 5s;
  resident(a);
  pass(5s);
  CHECK(idle_for_long() == words{"a"});
  use("a", false, 20s);
  pass(19s);
  CHECK(idle_for_long().empty());
  idle("a"); // a request that says nothing leaves it as it was
  CHECK(models.next_idle() == now + 20s);
}

TEST_CASE_METHOD(memory_world, "a keep-alive of nothing sends the model out as soon as it is idle") {
  resident(on_device("a", 40, 50));
  use("a", true, 0ms);
  CHECK(idle_for_long().empty());
  idle("a");
  CHECK(models.next_idle() == now);
  CHECK(idle_for_long() == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a model that is kept for ever stays until another request says otherwise") {
  resident(on_host("a", 40));
  use("a", false, keep_for_ever);
  CHECK_FALSE(models.next_idle());
  pass(24h * 1000);
  CHECK(idle_for_long().empty());
  use("a", false, 1s);
  CHECK(models.next_idle() == now + 1s);
}

TEST_CASE_METHOD(memory_world, "explicit timeouts go before everything but pins and use") {
  resident(on_device("a", 40, 50));
  resident(on_host("pinned", 10));
  use("a", false, keep_for_ever);
  models.pin(key("pinned"), true);
  pass(10s);
  idle_timeouts soon{5s, 20s}, now_at_once{0s, 0s}, later{11s, 20s};
  CHECK(told(models.idle_too_long(now, &soon)) == words{"a>host"});
  CHECK(told(models.idle_too_long(now, &now_at_once)) == words{"a"});
  CHECK(models.idle_too_long(now, &later).empty());
  busy("a");
  CHECK(models.idle_too_long(now, &now_at_once).empty());
}

TEST_CASE_METHOD(memory_world, "a keep-alive ends with the stay in memory") {
  resident(on_host("a", 40));
  use("a", false, keep_for_ever);
  make(start_out("a"));
  resident(with_timeouts(on_host("a", 40), 10s, 30s));
  CHECK(models.next_idle() == now + 30s);
}

TEST_CASE_METHOD(memory_world, "timeouts beyond all measure are for ever") {
  const auto most = std::chrono::milliseconds::max();
  resident(with_timeouts(on_device("a", 40, 50), most, most));
  resident(with_timeouts(on_host("b", 10), most - 1ms, 24h * 365 * 200));
  CHECK_FALSE(models.next_idle());
  idle_timeouts limits{most, most};
  CHECK(models.idle_too_long(now + 1000h, &limits).empty());
  resident(with_timeouts(on_device("c", 10, 10), most, 30s));
  CHECK(models.next_idle() == now + 30s);
  pass(30s);
  CHECK(idle_for_long() == words{"c"});
}

// -- the timer ------------------------------------------------------------------------------------------------

namespace {

std::chrono::milliseconds any_time() {
  return *rc::gen::oneOf(rc::gen::just(keep_for_ever), rc::gen::just(0ms),
                         rc::gen::map(rc::gen::inRange(1, 60000), [](int x) { return x * 1ms; }));
}

} // namespace

TEST_CASE("something is due at the time that is said to be next, and nothing just before") {
  REQUIRE(rc::check([] {
    memory_world world;
    for (auto name : {"a", "b", "c"}) {
      auto x = *rc::gen::arbitrary<bool>() ? on_device(name, 10, 10) : on_host(name, 10);
      x = with_timeouts(x, any_time(), any_time());
      if (*rc::gen::inRange(0, 4) == 0) x.keep_alive = any_time();
      world.resident(x);
      world.pass(*rc::gen::inRange(0, 20000) * 1ms);
      if (*rc::gen::inRange(0, 4) == 0) world.use(name, *rc::gen::arbitrary<bool>(), any_time());
      if (*rc::gen::inRange(0, 6) == 0) world.models.pin(key(name), true);
      if (*rc::gen::inRange(0, 6) == 0 && !world.models.find(key(name))->leased)
        world.refuse(world.start_out(name));
    }
    // Until nothing more will happen: each model goes down at the most once and out once.
    auto rounds = 0;
    for (; auto next = world.models.next_idle(); ++rounds) {
      RC_ASSERT(rounds < 7);
      if (*next > world.now) {
        RC_ASSERT(world.models.idle_too_long(*next - 1ns).empty());
        world.now = *next;
      }
      auto steps = world.models.idle_too_long(world.now);
      RC_ASSERT(!steps.empty());
      for (const auto& x : steps) world.make(world.start(x));
    }
    RC_ASSERT(world.models.idle_too_long(world.now + 10000h).empty());
  }));
}
