#pragma once

#include "support/catch.hpp"

#include <vef/supervisor/roster.hpp>

#include <set>

namespace vef::test {

using namespace std::chrono_literals;

using words = std::vector<std::string>;

inline service_spec spec(std::string name, words needs = {}, int priority = 5) {
  service_spec x{.name = std::move(name)};
  x.dependencies = std::move(needs);
  x.startup_priority = priority;
  return x;
}

inline service_spec by_hand(std::string name, words needs = {}) {
  auto x = spec(std::move(name), std::move(needs));
  x.auto_start = false;
  return x;
}

inline service_spec with_dependencies(std::string name, words needs) {
  auto x = spec(std::move(name), std::move(needs));
  x.restart.with_dependencies = true;
  return x;
}

inline const error broken{errc::load_failed, "no such file"};
inline const error busy{errc::overloaded, "too much to do"};

struct world : roster {
  roster::time_point now{};

  explicit world(std::vector<service_spec> specs = {})
      : roster{7} {
    REQUIRE(add_all(std::move(specs)));
  }

  void start(const std::string& name) {
    REQUIRE(state(name) == service_state::waiting);
    starting(name);
    running(name);
  }

  world& start_all() {
    for (auto next = startable(); !next.empty(); next = startable())
      for (const auto& name : next) start(name);
    return *this;
  }

  void stop(const std::string& name) {
    REQUIRE(can_stop(name));
    stopping(name);
    stopped(name);
  }

  loss die(const std::string& name) { return died(name, {errc::internal, "boom"}, now); }

  loss fail_start(const std::string& name, error why = broken) {
    starting(name);
    return start_failed(name, std::move(why), now);
  }

  void pass(std::chrono::milliseconds time) { now += time, due(now); }

  service_state state(const std::string& name) const { return find(name)->state; }
};

template <class T> error refusal(const result<T>& x) { return x ? error{} : x.error(); }

} // namespace vef::test
