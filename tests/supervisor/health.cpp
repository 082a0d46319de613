// Health that can't be green while work is stuck.
#include "watched.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// A service that is there and does not answer health checks, as one whose process is stopped.
class deaf_service {
public:
  using interface = service_actor;
  static inline const char* name = "test.deaf";
  explicit deaf_service(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior() {
    auto no = [] { return to_caf(error{errc::internal, "not asked by this test"}); };
    return {
        [no](embed_atom, const embed_request&) -> caf::result<embed_reply> { return no(); },
        [no](load_atom, const std::string&) -> caf::result<model_status> { return no(); },
        [no](unload_atom, const std::string&, unload_mode) -> caf::result<std::vector<unload_report>> {
          return no();
        },
        [no](plan_atom, const std::string&) -> caf::result<load_plan> { return no(); },
        [](pin_atom, const std::string&, bool) {},
        [](models_atom) { return std::vector<catalog_entry>{}; },
        [](status_atom) { return service_status{}; },
        [this](check_atom, const check_request&) -> caf::result<check_report> {
          return unanswered_.emplace_back(self_);
        },
        [](put_atom, const caf::strong_actor_ptr&) {},
        [](event_atom, const model_status&) {},
        [](drain_atom, std::chrono::milliseconds) { return std::vector<unload_report>{}; },
    };
  }

private:
  interface::pointer self_;
  std::vector<promise<check_report>> unanswered_;
};

class deaf_host final : public process_host {
public:
  int spawned = 0;
  service_actor spawn(caf::actor_system& system, isolated_setup) override {
    ++spawned;
    return spawn_state<deaf_service>(system);
  }
  std::uint64_t resident_bytes() const override { return 0; }
};

} // namespace

TEST_CASE_METHOD(node_fixture, "a service that answers its checks is healthy") {
  start({watched()});
  REQUIRE(embed("a"));
  pass(1100ms);
  auto x = status_of("a");
  CHECK(x.health.state == health::healthy);
  CHECK(x.health.reason.empty());
  CHECK(x.checked_at > timestamp{});
  CHECK(x.models.at(0).health.state == health::healthy);
  CHECK(status().health.state == health::healthy);
}

TEST_CASE_METHOD(node_fixture,
                 "a backend that says it is ill is unhealthy within one interval and says why") {
  start({watched()});
  control->on_check = [] { return result<void>{fail(errc::unavailable, "the licence has run out")}; };
  pass(1100ms);
  CHECK(status_of("a").health.state == health::unhealthy);
  CHECK(status_of("a").health.reason.find("the licence has run out") != std::string::npos);
  CHECK_FALSE(ready(status().health.state));
  control->on_check = [] { return result<void>{}; };
  pass(1000ms);
  CHECK(status_of("a").health.state == health::healthy);
  CHECK(status_of("a").restarts == 0);
}

TEST_CASE_METHOD(node_fixture, "a backend that goes on being ill is made anew") {
  start({watched(), watched("b")});
  control->on_check = []() -> result<void> { throw std::runtime_error("lost its device"); };
  pass(3100ms);
  CHECK(status_of("a").restarts == 1);
  CHECK(status_of("a").last_failure.what.find("lost its device") != std::string::npos);
  control->on_check = [] { return result<void>{}; };
  pass(1200ms);
  CHECK(status_of("a").health.state == health::healthy);
  CHECK(embed("a"));
}

TEST_CASE_METHOD(
    node_fixture,
    "a health check that hangs is unhealthy, costs one thread, and others are checked all the same") {
  start({watched(), watched("b")});
  pass_without_workers(1000ms);
  REQUIRE(checkers().waiting() == 2);
  checkers().get_stuck(); // of a; b's is answered
  for (int i = 0; i < 5; ++i) {
    pass_without_workers(100ms);
    while (checkers().run_one()) act();
  }
  CHECK(status_of("a").health.state == health::unhealthy);
  CHECK(status_of("a").health.reason.find("does not come back") != std::string::npos);
  CHECK(status_of("b").health.state == health::healthy);
  CHECK(checkers().status().stuck == 1);
  CHECK(checkers().waiting() == 0);
}

TEST_CASE_METHOD(node_fixture, "work without progress turns health red though the service answers") {
  start({watched()});
  REQUIRE(embed("a"));
  auto stuck = send<embed_reply>(now().registry, embed_atom_v, embed_request{.images = {plain(1, 1, 1)}});
  act();
  for (int i = 0; i < 115; ++i) {
    pass_without_workers(100ms);
    while (checkers().run_one()) act();
  }
  auto x = status_of("a");
  CHECK(x.health.state == health::unhealthy);
  CHECK(x.health.reason.find("no progress for 1") != std::string::npos);
  CHECK_FALSE(*stuck);
  CHECK_FALSE(ready(status().health.state));
  settle();
  REQUIRE(*stuck);
  pass(1100ms);
  CHECK(status_of("a").health.state == health::healthy);
}

TEST_CASE_METHOD(node_fixture, "a service that does not answer its checks is given up and made anew") {
  auto host = std::make_shared<deaf_host>();
  options.processes = host;
  start();
  auto x = watched();
  x.isolation = isolation::process;
  REQUIRE(create(x));
  pass(1600ms);
  CHECK(status_of("a").health.state == health::degraded);
  CHECK(status_of("a").missed_checks == 1);
  pass(1000ms);
  CHECK(status_of("a").health.state == health::unhealthy);
  CHECK(status_of("a").missed_checks == 2);
  CHECK(host->spawned == 1);
  pass(1000ms);
  CHECK(status_of("a").restarts == 1);
  CHECK(status_of("a").last_failure.what.find("3 health checks") != std::string::npos);
  pass(110ms);
  CHECK(host->spawned == 2);
  CHECK(running() == names{"a"});
}

TEST_CASE_METHOD(node_fixture, "a canary sees what no check sees, and is no use of the model") {
  auto x = watched();
  x.health.canary = true;
  start({x});
  REQUIRE(embed("a"));
  auto before = status_of("a").models.at(0);
  auto used = status().memory.usage;
  pass(3100ms);
  auto after = status_of("a").models.at(0);
  CHECK(after.requests == before.requests);
  CHECK(after.images == before.images);
  CHECK(after.last_used == before.last_used);
  CHECK(status().memory.usage == used);
  CHECK(control->batches.size() == 4); // though it went all the way
  control->on_embed = [](std::span<const pixels>) {
    return result<void>{fail(errc::embed_failed, "all is zero")};
  };
  pass(1000ms);
  CHECK(status_of("a").health.state == health::unhealthy);
  CHECK(status_of("a").health.reason.find("all is zero") != std::string::npos);
}

TEST_CASE_METHOD(node_fixture, "checks and canaries keep no model in memory") {
  auto x = watched();
  x.health.canary = true;
  x.idle = idle_timeouts{.device = 5s, .host = 5s};
  start({x});
  REQUIRE(embed("a"));
  pass(4s);
  CHECK(control->alive == 1);
  pass(1500ms);
  CHECK(control->alive == 0);
  CHECK(control->loads == 1); // and bring none into it
}

TEST_CASE_METHOD(node_fixture, "a model that can not be loaded degrades its service") {
  start({watched()});
  control->on_load = [] { return result<void>{fail(errc::load_failed, "the file is torn")}; };
  CHECK_FALSE(embed("a"));
  pass(1100ms);
  CHECK(status_of("a").health.state == health::degraded);
  CHECK(status_of("a").health.reason.find("the file is torn") != std::string::npos);
  CHECK(status_of("a").models.at(0).health.state == health::failed);
}

TEST_CASE_METHOD(node_fixture,
                 "a canary does not come in the way of requests, and is not held against a busy service") {
  auto x = watched();
  x.health.canary = true;
  start({x});
  REQUIRE(embed("a"));
  auto busy = send<embed_reply>(now().registry, embed_atom_v, embed_request{.images = {plain(1, 1, 1)}});
  act();
  for (int i = 0; i < 45; ++i) {
    pass_without_workers(100ms);
    while (checkers().run_one()) act();
  }
  CHECK(status_of("a").health.state == health::healthy);
  CHECK(status_of("a").restarts == 0);
  settle();
  REQUIRE(*busy);
  CHECK(control->batches.size() == 2);
}
