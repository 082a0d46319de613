#include "support/catch.hpp"

#include <vef/supervisor/node_health.hpp>

#include <algorithm>
#include <random>

using namespace vef;

namespace {

using services = std::vector<std::pair<std::string, health_report>>;

worker_status worker(std::string name, std::uint32_t stuck) {
  worker_status x{.name = std::move(name)};
  x.stuck = stuck;
  return x;
}

/// Services "a", "b", ... in these states.
services in(const std::vector<health>& states) {
  services out;
  for (auto state : states) {
    health_report report;
    report.state = state;
    out.emplace_back(std::string(1, static_cast<char>('a' + out.size())), report);
  }
  return out;
}

/// State and reason as one text: "starting: waits for the start of 'a'".
std::string judged(const std::vector<health>& states, std::vector<worker_status> workers = {},
                   std::uint32_t most_stuck = 4) {
  auto [state, reason] = judge_node({in(states), std::move(workers), most_stuck});
  return std::string{to_string(state)} + (reason.empty() ? "" : ": " + reason);
}

} // namespace

TEST_CASE("a node without services is healthy") {
  CHECK(judged({}) == "healthy");
  CHECK(judged({}, {worker("vef-lane", 0)}) == "healthy");
}

TEST_CASE("a node whose services serve is healthy, also where one is degraded") {
  CHECK(judged({health::healthy, health::degraded}) == "healthy");
}

TEST_CASE("services that are stopped do not count") {
  CHECK(judged({health::stopped, health::stopped}) == "healthy");
  CHECK(judged({health::stopped, health::healthy}) == "healthy");
  CHECK(judged({health::stopped, health::starting}) == "starting: waits for the start of 'b'");
  CHECK(judged({health::stopped, health::failed}) == "unhealthy: no service is ready: 'b' is failed");
}

TEST_CASE("a broken service degrades its node, by name") {
  CHECK(judged({health::healthy, health::failed}) == "degraded: service 'b' is failed");
  CHECK(judged({health::unhealthy, health::degraded, health::failed})
        == "degraded: service 'a' is unhealthy, 'c' is failed");
}

TEST_CASE("a node of which every service is broken is unhealthy") {
  CHECK(judged({health::unhealthy}) == "unhealthy: no service is ready: 'a' is unhealthy");
  CHECK(judged({health::unhealthy, health::failed})
        == "unhealthy: no service is ready: 'a' is unhealthy, 'b' is failed");
}

TEST_CASE("a node starts until its first service is ready") {
  CHECK(judged({health::starting, health::starting}) == "starting: waits for the start of 'a', 'b'");
  CHECK(judged({health::starting, health::healthy}) == "healthy");
  CHECK(judged({health::starting, health::failed})
        == "starting: waits for the start of 'a'; service 'b' is failed");
}

TEST_CASE("threads that are stuck degrade a node, and too many are a reason to restart it") {
  CHECK(judged({health::healthy}, {worker("vef-lane", 1)})
        == "degraded: 1 thread is stuck in foreign code (1 of vef-lane)");
  CHECK(judged({health::healthy}, {worker("vef-lane", 3), worker("vef-prepare", 0), worker("vef-load", 1)})
        == "degraded: 4 threads are stuck in foreign code (3 of vef-lane, 1 of vef-load)");
  CHECK(judged({health::healthy}, {worker("vef-lane", 4), worker("vef-load", 1)})
        == "unhealthy: 5 threads are stuck in foreign code (4 of vef-lane, 1 of vef-load): restart this "
           "process");
  CHECK(judged({}, {worker("vef-lane", 1)}, 0)
        == "unhealthy: 1 thread is stuck in foreign code (1 of vef-lane): restart this process");
}

TEST_CASE("the number of stuck threads does not wrap around") {
  CHECK(judged({}, {worker("x", 0xffffffff), worker("y", 1)}).starts_with("unhealthy: 4294967296 threads"));
}

TEST_CASE("reasons of equal weight stand together, and lesser ones give way") {
  CHECK(judged({health::healthy, health::failed}, {worker("vef-lane", 1)})
        == "degraded: 1 thread is stuck in foreign code (1 of vef-lane); service 'b' is failed");
  CHECK(judged({health::failed}, {worker("vef-lane", 5)})
        == "unhealthy: 5 threads are stuck in foreign code (5 of vef-lane): restart this process; "
           "no service is ready: 'a' is failed");
  CHECK(judged({health::healthy, health::failed}, {worker("vef-lane", 5)})
        == "unhealthy: 5 threads are stuck in foreign code (5 of vef-lane): restart this process");
  CHECK(judged({health::starting}, {worker("vef-lane", 5)})
        == "unhealthy: 5 threads are stuck in foreign code (5 of vef-lane): restart this process");
}

TEST_CASE("a hostile service name cannot forge a line") {
  health_report failed;
  failed.state = health::failed;
  auto reason = judge_node({{{"a\nb", failed}}, {}, 0}).second;
  CHECK(reason.find('\n') == std::string::npos);
}

TEST_CASE("whatever its services do, a node is healthy only without trouble and names all that is broken") {
  std::mt19937 random{17};
  std::vector<int> seen(6);
  for (int round = 0; round < 5000; ++round) {
    std::vector<health> states(random() % 5);
    for (auto& x : states) x = static_cast<health>(random() % 6);
    auto stuck = random() % 4 == 0 ? static_cast<std::uint32_t>(random() % 8) : 0;
    auto [state, reason] = judge_node({in(states), {worker("w", stuck)}, 4});
    auto count = [&](auto... any) {
      return std::ranges::count_if(states, [&](health x) { return ((x == any) || ...); });
    };
    auto broken = count(health::unhealthy, health::failed);
    auto serving = count(health::healthy, health::degraded);
    auto starting = count(health::starting);
    auto lost = stuck > 4 || (broken > 0 && serving + starting == 0);
    REQUIRE((state == health::unhealthy) == lost);
    REQUIRE((state == health::starting) == (!lost && serving == 0 && starting > 0));
    if (state == health::healthy) REQUIRE((broken == 0 && stuck == 0));
    if (broken == 0 && stuck == 0 && starting == 0) REQUIRE(state == health::healthy);
    REQUIRE(reason.empty() == (state == health::healthy));
    if (stuck <= 4)
      for (const auto& [name, report] : in(states))
        if (report.state == health::unhealthy || report.state == health::failed)
          REQUIRE(reason.find(quoted(name) + " is ") != std::string::npos);
    ++seen[static_cast<std::size_t>(state)];
  }
  for (auto state : {health::starting, health::healthy, health::degraded, health::unhealthy})
    CHECK(seen[static_cast<std::size_t>(state)] > 50);
}
