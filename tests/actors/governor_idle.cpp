// Idle timeouts and keep-alives, with time passing by hand.
#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

struct idle_fixture : actor_fixture {
  void pass(caf::timespan span) { still_system::pass(span, 1s); }

  result<embed_reply> keep(const service_actor& x, std::optional<std::chrono::milliseconds> keep_alive) {
    auto r = request({plain(1, 1, 1)}, "a");
    r.keep_alive = keep_alive;
    return ask<embed_reply>(x, embed_atom_v, r);
  }

  std::vector<unload_report> by_timeout(idle_timeouts limits) {
    return ask<std::vector<unload_report>>(governor, unload_atom_v, limits).value();
  }
};

} // namespace

TEST_CASE_METHOD(idle_fixture, "a model on the host leaves half an hour after its last use") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  pass(20min);
  REQUIRE(use(s, "a"));
  pass(30min - 2s);
  CHECK(where(s, "a") == tier::host);
  pass(3s);
  CHECK(where(s, "a") == tier::absent);
  CHECK(control->alive == 0);
  CHECK(memory().recent.back().why == "not used for 1800 s");
  CHECK(use(s, "a"));
}

TEST_CASE_METHOD(idle_fixture,
                 "a model on a device goes to the host after ten minutes and leaves after thirty") {
  control->catalog = {fake_device_model("a")};
  kernel_says(0, "gpu:0");
  auto s = make_service();
  REQUIRE(use(s, "a"));
  CHECK(where(s, "a") == tier::device);
  pass(10min - 2s);
  CHECK(where(s, "a") == tier::device);
  pass(3s);
  CHECK(where(s, "a") == tier::host);
  CHECK(device("gpu:0").resident == 0);
  CHECK(host().resident == 1000);
  pass(20min);
  CHECK(where(s, "a") == tier::absent);
  CHECK(host().resident == 0);
}

TEST_CASE_METHOD(idle_fixture, "status reads and probes are no use of a model") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  for (int i = 0; i < 31; ++i) {
    pass(1min);
    (void)model(s, "a");
    (void)memory();
    kernel_says(0);
    (void)ask<load_plan>(s, plan_atom_v, std::string{"a"});
  }
  CHECK(where(s, "a") == tier::absent);
}

TEST_CASE_METHOD(idle_fixture, "a service has timeouts of its own") {
  service_spec spec{.name = "s", .backend = "fake"};
  spec.idle = idle_timeouts{.device = 1s, .host = 5s};
  auto s = make_service(spec);
  REQUIRE(use(s, "a"));
  pass(6s);
  CHECK(where(s, "a") == tier::absent);
}

TEST_CASE_METHOD(idle_fixture, "a model's keep-alive goes before the timeouts of its service") {
  control->catalog[0].keep_alive = 2h;
  control->catalog[1].keep_alive = keep_for_ever;
  auto s = make_service();
  REQUIRE(use(s, "a"));
  REQUIRE(use(s, "b"));
  pass(2h - 10s);
  CHECK(where(s, "a") == tier::host);
  pass(20s);
  CHECK(where(s, "a") == tier::absent);
  CHECK(where(s, "b") == tier::host);
}

TEST_CASE_METHOD(idle_fixture, "a request says how long its model stays") {
  auto s = make_service();
  SECTION("for a time") {
    REQUIRE(keep(s, 5s));
    pass(3s);
    CHECK(where(s, "a") == tier::host);
    pass(3s);
  }
  SECTION("not at all") { REQUIRE(keep(s, 0ms)); }
  SECTION("for ever, and then no longer") {
    REQUIRE(keep(s, keep_for_ever));
    pass(3h);
    CHECK(where(s, "a") == tier::host);
    REQUIRE(keep(s, {})); // says nothing: what was said before counts
    pass(1h);
    CHECK(where(s, "a") == tier::host);
    REQUIRE(keep(s, 0ms));
  }
  settle();
  CHECK(where(s, "a") == tier::absent);
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(idle_fixture, "a keep-alive below zero is refused") {
  auto reply = keep(make_service(), -1ms);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::invalid_argument);
}

TEST_CASE_METHOD(idle_fixture, "keeping a model for ever does not keep it from making room") {
  control->catalog[1].memory_estimate = 9500;
  auto s = make_service();
  REQUIRE(keep(s, keep_for_ever));
  CHECK(use(s, "b"));
  CHECK(where(s, "a") == tier::absent);
}

TEST_CASE_METHOD(idle_fixture, "a model in use is not idle however long its work takes") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  auto r = request({plain(1, 1, 1)}, "a");
  r.time_allowed = 3h;
  auto slow = send<embed_reply>(s, embed_atom_v, r);
  act();
  for (int i = 0; i < 50; ++i) pass_without_workers(1min);
  CHECK(where(s, "a") == tier::host);
  settle();
  REQUIRE(*slow);
  CHECK(**slow);
}

TEST_CASE_METHOD(idle_fixture, "unloading by timeout takes what was idle for longer and says so") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  pass(60s);
  REQUIRE(use(s, "b"));
  auto reports = by_timeout({.device = 30s, .host = 30s});
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].model == "a");
  CHECK(reports[0].from == tier::host);
  CHECK(reports[0].to == tier::absent);
  CHECK_FALSE(reports[0].outcome);
  CHECK(reports[0].why == "not used for 60 s");
  CHECK(by_timeout({.device = 30s, .host = 30s}).empty());
  CHECK(ask<std::vector<unload_report>>(governor, unload_atom_v, idle_timeouts{-1ms, 1s}).error().code
        == errc::invalid_argument);
}
