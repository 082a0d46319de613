#include "support/catch.hpp"

#include <vef/supervisor/health_state.hpp>

#include <limits>
#include <random>

using namespace vef;
using namespace std::chrono_literals;

namespace {

using std::chrono::milliseconds;

constexpr auto century = milliseconds{24h * 36500};
const error silence{errc::deadline_exceeded, "no answer after 5 s"};
const error broken{errc::embed_failed, "the device is gone"};

/// State and reason as one text: "degraded: did not answer a health check: no answer after 5 s".
std::string text(const health_state::verdict& x) {
  return std::string{to_string(x.state)} + (x.reason.empty() ? "" : ": " + x.reason);
}

/// The verdict on one answer.
std::string judged(const check_report& x, health_rules rules = {}) {
  return text(health_state{rules}.answered(x));
}

bool valid(health_rules x, milliseconds interval = 60s) { return validate(x, interval).has_value(); }

} // namespace

TEST_CASE("a service that answers well is healthy without a reason") {
  CHECK(judged({}) == "healthy");
  CHECK(judged({.oldest_queued = 119999ms, .oldest_running = 119999ms, .no_progress = 119999ms})
        == "healthy");
  CHECK_FALSE(health_state{{}}.answered({}).restart);
}

TEST_CASE("a service without work is healthy however long ago it had some") {
  CHECK(judged({.no_progress = 24h}) == "healthy");
}

TEST_CASE("work without progress is unhealthy, whether it waits or runs") {
  CHECK(judged({.oldest_queued = 1ms, .no_progress = 130s})
        == "unhealthy: has had no progress for 130 s with work waiting");
  CHECK(judged({.oldest_running = 1ms, .no_progress = 120s})
        == "unhealthy: has had no progress for 120 s with work waiting");
  CHECK(judged({.oldest_queued = 130s, .no_progress = 130s})
        == "unhealthy: has had no progress for 130 s with work waiting");
  CHECK(judged({.oldest_queued = 1ms, .no_progress = 999ms}, {.stuck_after = 500ms})
        == "unhealthy: has had no progress for 999 ms with work waiting");
}

TEST_CASE("work that has been under way for too long is unhealthy although other work goes on") {
  CHECK(judged({.oldest_running = 120s, .no_progress = 1s})
        == "unhealthy: its oldest work has been under way for 120 s");
}

TEST_CASE("requests that wait for long while others are served are an overload") {
  CHECK(judged({.oldest_queued = 140999ms, .no_progress = 119999ms})
        == "degraded: its oldest request has waited for 140 s: it is overloaded");
}

TEST_CASE("a model that could not be loaded degrades its service") {
  CHECK(judged({.failed_models = 1, .model = {errc::load_failed, "cannot load 'm': no such file"}})
        == "degraded: 1 model could not be loaded: cannot load 'm': no such file");
  CHECK(judged({.failed_models = 3, .model = {errc::over_budget, ""}})
        == "degraded: 3 models could not be loaded, the first: over_budget");
}

TEST_CASE("a backend and a canary are unhealthy in their own words") {
  CHECK(judged({.backend = broken}) == "unhealthy: the device is gone");
  CHECK(judged({.backend = {errc::internal, ""}}) == "unhealthy: internal");
  CHECK(judged({.canary = {errc::embed_failed, "a row of zeros"}}) == "unhealthy: a row of zeros");
}

TEST_CASE("the worst state wins, and reasons of equal weight stand together") {
  check_report overload{.oldest_queued = 140s, .failed_models = 1, .model = broken};
  CHECK(judged(overload)
        == "degraded: its oldest request has waited for 140 s: it is overloaded; "
           "1 model could not be loaded: the device is gone");
  overload.canary = {errc::embed_failed, "a row of zeros"};
  overload.oldest_running = 125s;
  CHECK(judged(overload) == "unhealthy: a row of zeros; its oldest work has been under way for 125 s");
}

TEST_CASE("a service that falls silent degrades, then is unhealthy, then has to be restarted") {
  health_state watched{{.misses = 3}};
  auto first = watched.missed(silence);
  CHECK(text(first) == "degraded: did not answer a health check: no answer after 5 s");
  CHECK_FALSE(first.restart);
  auto second = watched.missed(silence);
  CHECK(text(second) == "unhealthy: did not answer 2 health checks in a row: no answer after 5 s");
  CHECK_FALSE(second.restart);
  auto third = watched.missed(silence);
  CHECK(text(third) == "unhealthy: did not answer 3 health checks in a row: no answer after 5 s");
  CHECK(third.restart == error{errc::unavailable, "did not answer 3 health checks in a row"});
  CHECK(watched.misses() == 3);
  CHECK(watched.missed(silence).restart
        == error{errc::unavailable, "did not answer 4 health checks in a row"});
}

TEST_CASE("with one miss allowed, the first one leads to a restart") {
  auto verdict = health_state{{.misses = 1}}.missed(silence);
  CHECK(text(verdict) == "unhealthy: did not answer a health check: no answer after 5 s");
  CHECK(verdict.restart == error{errc::unavailable, "did not answer a health check"});
}

TEST_CASE("an answer ends a row of misses") {
  health_state watched{{.misses = 2}};
  CHECK_FALSE(watched.missed(silence).restart);
  CHECK(text(watched.answered({})) == "healthy");
  CHECK(watched.misses() == 0);
  CHECK_FALSE(watched.missed(silence).restart);
  CHECK(watched.missed(silence).restart);
}

TEST_CASE("silence does not make a stuck service look better") {
  health_state watched{{.misses = 5}};
  watched.answered({.oldest_running = 1s, .no_progress = 130s});
  CHECK(text(watched.missed(silence)) == "unhealthy: has had no progress for 130 s with work waiting");
  CHECK(text(watched.missed(silence))
        == "unhealthy: has had no progress for 130 s with work waiting; "
           "did not answer 2 health checks in a row: no answer after 5 s");
  CHECK(text(watched.answered({})) == "healthy");
  CHECK(watched.missed(silence).state == health::degraded);
}

TEST_CASE("a backend that fails its checks in a row has its service restarted") {
  health_state watched{{.misses = 3}};
  CHECK_FALSE(watched.answered({.backend = broken}).restart);
  CHECK_FALSE(watched.answered({.backend = broken}).restart);
  CHECK_FALSE(watched.answered({}).restart);
  CHECK_FALSE(watched.answered({.backend = broken}).restart);
  CHECK_FALSE(watched.missed(silence).restart); // says nothing about the backend: the row goes on
  CHECK_FALSE(watched.answered({.backend = broken}).restart);
  auto last = watched.answered({.backend = broken});
  CHECK(text(last) == "unhealthy: the device is gone");
  CHECK(last.restart
        == error{errc::unavailable, "its backend failed 3 health checks in a row: the device is gone"});
}

TEST_CASE("a canary that fails in a row has its service restarted") {
  health_state watched{{.misses = 2}};
  CHECK_FALSE(watched.answered({.canary = broken}).restart);
  CHECK_FALSE(watched.answered({.backend = broken}).restart); // another row
  CHECK_FALSE(watched.answered({.canary = broken}).restart);
  CHECK(watched.answered({.canary = broken}).restart
        == error{errc::unavailable, "its canary failed 2 health checks in a row: the device is gone"});
  CHECK(health_state{{.misses = 1}}.answered({.canary = broken}).restart
        == error{errc::unavailable, "its canary failed a health check: the device is gone"});
}

TEST_CASE("work that is stuck alone is no reason for a restart") {
  health_state watched{{.misses = 1}};
  for (int i = 0; i < 5; ++i)
    CHECK_FALSE(watched.answered({.oldest_running = 1h, .no_progress = 1h}).restart);
}

TEST_CASE("a start wipes the slate clean") {
  health_state watched{{.misses = 2}};
  watched.answered({.backend = broken, .canary = broken, .oldest_running = 1h, .no_progress = 1h});
  watched.missed(silence);
  watched.started();
  CHECK(watched.misses() == 0);
  auto verdict = watched.missed(silence);
  CHECK(text(verdict) == "degraded: did not answer a health check: no answer after 5 s");
  CHECK_FALSE(verdict.restart);
  watched.started();
  CHECK_FALSE(watched.answered({.backend = broken, .canary = broken}).restart);
}

TEST_CASE(
    "whatever it answers, a service with trouble is never healthy and restarts come when they are due") {
  std::mt19937 random{13};
  auto chance = [&](unsigned in) { return random() % in == 0; };
  auto age = [&] { return chance(2) ? 0ms : milliseconds{random() % 2000}; };
  int restarts = 0, healthy = 0;
  for (int round = 0; round < 300; ++round) {
    health_rules rules{.misses = 1 + static_cast<std::uint32_t>(random() % 4), .stuck_after = 1000ms};
    health_state watched{rules};
    std::uint32_t silent = 0, backend = 0, canary = 0;
    for (int step = 0; step < 100; ++step) {
      health_state::verdict said;
      auto due = false;
      if (chance(3)) {
        said = watched.missed(silence);
        due = ++silent >= rules.misses;
        REQUIRE(said.state != health::healthy);
        if (silent > 1 || due) REQUIRE(said.state == health::unhealthy);
      } else {
        check_report x{.oldest_queued = age(), .oldest_running = age(), .no_progress = age()};
        if (chance(3)) x.backend = broken;
        if (chance(3)) x.canary = broken;
        x.failed_models = chance(4) ? 1 : 0;
        said = watched.answered(x);
        silent = 0;
        backend = x.backend ? backend + 1 : 0;
        canary = x.canary ? canary + 1 : 0;
        due = backend >= rules.misses || canary >= rules.misses;
        auto stuck = x.no_progress >= 1s && x.oldest_queued + x.oldest_running > 0ms;
        auto grave = stuck || x.oldest_running >= 1s || x.backend || x.canary;
        auto slight = x.oldest_queued >= 1s || x.failed_models > 0;
        REQUIRE(said.state == (grave ? health::unhealthy : slight ? health::degraded : health::healthy));
      }
      REQUIRE(said.reason.empty() == (said.state == health::healthy));
      REQUIRE(said.restart.has_value() == due);
      REQUIRE(watched.misses() == silent);
      healthy += said.state == health::healthy;
      restarts += due;
      if (due && chance(2)) {
        watched.started();
        silent = backend = canary = 0;
      }
    }
  }
  CHECK(restarts > 100);
  CHECK(healthy > 100);
}

TEST_CASE("health rules that make no sense are refused") {
  CHECK(valid({}));
  CHECK(valid({}, 0ms));
  CHECK(valid({.deadline = 1ms, .misses = 1, .stuck_after = 1ms}, 1ms));
  CHECK(valid({.deadline = century, .misses = 1000, .stuck_after = century}, century));
  CHECK_FALSE(valid({}, -1ms));
  CHECK_FALSE(valid({}, century + 1ms));
  CHECK_FALSE(valid({.deadline = 0ms}));
  CHECK_FALSE(valid({.deadline = -1ms}));
  CHECK_FALSE(valid({.deadline = milliseconds::max()}));
  CHECK_FALSE(valid({.misses = 0}));
  CHECK_FALSE(valid({.stuck_after = 0ms}));
  CHECK_FALSE(valid({.stuck_after = century + 1ms}));
  auto refused = validate(health_rules{.misses = 0}, 60s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error()
        == error{errc::invalid_config, "health rules: the number of misses must be at least 1"});
}
