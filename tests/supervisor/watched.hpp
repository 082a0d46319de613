#pragma once

#include "node_fixture.hpp"

namespace vef::test {

using namespace std::chrono_literals;

inline service_spec watched(std::string name = "a") {
  auto x = fake(std::move(name));
  x.health_check_interval = 1s;
  x.health = {.deadline = 500ms, .misses = 3, .stuck_after = 10s};
  return x;
}

/// Everybody acts and works but the lanes.
inline void up_to_lanes(still_system& x) {
  do {
    x.act();
  } while (x.loaders().run_one() || x.preparers().run_one());
}

} // namespace vef::test
