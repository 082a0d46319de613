// Threads that are stuck in foreign code: given up, replaced, counted.
#include "watched.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// A forward pass hangs until its thread is given up, and its request is told.
void get_a_pass_stuck(node_fixture& x) {
  auto stuck = x.send<embed_reply>(x.now().registry, embed_atom_v, embed_request{.images = {plain(1, 1, 1)}});
  up_to_lanes(x);
  x.lanes().get_stuck();
  x.lanes().stuck_for(11s);
  x.pass(2600ms); // a quarter of `stuck_after`: the watch looks
  REQUIRE(*stuck);
}

} // namespace

TEST_CASE_METHOD(node_fixture,
                 "a lane that is stuck is given up, its requests fail, and the model is made anew") {
  start({watched()});
  auto stuck = send<embed_reply>(now().registry, embed_atom_v, embed_request{.images = {plain(1, 1, 1)}});
  act();
  up_to_lanes(*this);
  REQUIRE(lanes().waiting() == 1);
  lanes().get_stuck();
  lanes().stuck_for(11s);
  pass(2600ms); // a quarter of `stuck_after`: the watch looks
  REQUIRE(*stuck);
  REQUIRE_FALSE(**stuck);
  CHECK((**stuck).error().code == errc::unavailable);
  CHECK((**stuck).error().what.find("stuck for 11 s") != std::string::npos);
  CHECK(status().health.state == health::unhealthy); // until the next check
  pass(1100ms);
  auto x = status();
  CHECK(x.workers.at(0).stuck == 1);
  CHECK(x.health.state == health::degraded);
  // What the thread holds is counted until it lets go of it.
  REQUIRE(x.memory.devices.at(0).holdings.size() == 1);
  CHECK(x.memory.devices[0].holdings[0].who.model.find("stuck") != std::string::npos);
  CHECK(x.memory.devices[0].resident == 1000);
  CHECK(embed("a")); // by another lane and another copy of the model
  CHECK(status().memory.devices[0].resident == 2000);
  lanes().run_stuck();
  settle();
  CHECK(control->alive == 1);
  CHECK(status().memory.devices[0].resident == 1000);
  CHECK(status().health.state == health::healthy); // a thread that is back is none that is stuck
}

TEST_CASE_METHOD(node_fixture, "a load that is stuck is given up and counted") {
  options.models.load_limit = 20s;
  start({watched()});
  auto stuck = send<model_status>(handle_of("a"), load_atom_v, std::string{"b"});
  act();
  loaders().get_stuck();
  loaders().stuck_for(21s);
  pass(5100ms, 100ms);
  REQUIRE(*stuck);
  CHECK((**stuck).error().what.find("its load") != std::string::npos);
  CHECK(status().memory.devices[0].resident + status().memory.devices[0].reserved == 1000);
  loaders().run_stuck();
  settle();
  CHECK(status().memory.devices[0].resident + status().memory.devices[0].reserved == 0);
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(node_fixture, "a node with too many stuck threads is unhealthy and says why") {
  options.supervision.most_stuck = 1;
  start({watched()});
  for (int i = 0; i < 2; ++i) {
    get_a_pass_stuck(*this);
  }
  CHECK(status().health.state == health::unhealthy);
  CHECK(status().health.reason.find("2 threads are stuck") != std::string::npos);
  lanes().run_stuck();
  pass(1100ms);
  CHECK(status().health.state == health::healthy);
}

TEST_CASE_METHOD(node_fixture,
                 "models that die one after the other take their service with them, and it comes back") {
  auto x = watched();
  x.restart.most = 2;
  start({x});
  for (int i = 0; i < 3; ++i) {
    get_a_pass_stuck(*this);
  }
  pass(200ms);
  CHECK(status_of("a").restarts == 1);
  CHECK(running() == names{"a"});
  lanes().run_stuck();
  settle();
  CHECK(embed("a"));
  CHECK(status().memory.devices[0].resident == 1000);
}

TEST_CASE_METHOD(node_fixture, "a large batch may take longer in proportion before it is stuck") {
  control->catalog = {fake_model("a", 64)};
  start({watched()});
  auto large = send<embed_reply>(now().registry, embed_atom_v,
                                 embed_request{.images = std::vector<image>(64, plain(1, 1, 1))});
  up_to_lanes(*this);
  REQUIRE(lanes().waiting() == 1);
  lanes().get_stuck();
  lanes().stuck_for(19s);
  pass(2600ms);
  CHECK_FALSE(*large);
  CHECK(lanes().status().stuck == 0);
  lanes().stuck_for(21s);
  pass(2600ms);
  REQUIRE(*large);
  CHECK((**large).error().what.find("stuck for 21 s") != std::string::npos);
  lanes().run_stuck();
}
