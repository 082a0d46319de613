// What the roster decides when services die or do not start.
#include "roster_world.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

TEST_CASE("a service that died starts again after its pause, and fails when it has died too often") {
  auto restless = spec("a");
  restless.restart.most = 2;
  world w{{restless}};
  for (std::uint64_t deaths = 1; deaths <= 2; ++deaths) {
    w.start("a");
    CHECK_FALSE(w.find("a")->reason);
    auto loss = w.die("a");
    CHECK_FALSE(loss.given_up);
    CHECK(loss.pause > 0ms);
    CHECK(w.state("a") == service_state::restarting);
    CHECK(w.find("a")->reason == error{errc::internal, "boom"});
    CHECK(w.find("a")->restarts.restarts() == deaths);
    REQUIRE(w.next_due() == w.now + loss.pause);
    CHECK(w.due(*w.next_due() - 1ns).empty());
    CHECK(w.startable().empty());
    CHECK(w.due(*w.next_due()) == words{"a"});
    CHECK_FALSE(w.next_due());
  }
  w.start("a");
  CHECK(w.die("a").given_up);
  CHECK(w.state("a") == service_state::failed);
  CHECK_FALSE(w.next_due());
  w.pass(1h);
  CHECK(w.startable().empty());
}

TEST_CASE("the next pause that is over is the shortest") {
  auto slow = spec("slow");
  slow.restart.first_pause = 20s;
  world w{{slow, spec("quick"), spec("steady")}};
  w.start_all();
  auto slow_pause = w.die("slow").pause, quick_pause = w.die("quick").pause;
  CHECK(w.next_due() == w.now + quick_pause);
  CHECK(w.due(w.now + quick_pause) == words{"quick"});
  CHECK(w.next_due() == w.now + slow_pause);
}

TEST_CASE("services that died together do not come back together") {
  world w{{spec("a"), spec("b"), spec("c"), spec("d")}};
  w.start_all();
  std::set<std::chrono::milliseconds> pauses;
  for (const auto& name : w.names()) pauses.insert(w.die(name).pause);
  CHECK(pauses.size() > 1);
}

TEST_CASE("a start that failed is tried again if time may mend it or if the service has run before") {
  world w{{spec("new"), spec("later"), spec("proven")}};
  auto loss = w.fail_start("new", broken);
  CHECK(loss.given_up);
  CHECK(loss.pause == 0ms);
  CHECK(w.find("new")->reason == broken);
  CHECK_FALSE(w.fail_start("later", busy).given_up);
  w.start("proven");
  w.die("proven");
  w.pass(1min);
  CHECK_FALSE(w.fail_start("proven", broken).given_up);
  CHECK(w.state("proven") == service_state::restarting);
}

TEST_CASE("a reset lets a service start at once and with a clean record") {
  auto frail = spec("a");
  frail.restart.most = 1;
  world w{{frail}};
  CHECK(refusal(w.reset("b")).code == errc::unknown_service);
  CHECK(refusal(w.reset("a"))
        == error{errc::invalid_argument,
                 "service 'a' is about to start; only one that failed or is restarting can be reset"});
  for (int round = 0; round < 3; ++round) {
    w.start("a");
    CHECK_FALSE(w.die("a").given_up);
    REQUIRE(w.reset("a")); // without its pause
    w.start("a");
    CHECK_FALSE(w.die("a").given_up);
    w.pass(1min);
    w.start("a");
    CHECK(w.die("a").given_up);
    REQUIRE(w.reset("a"));
    CHECK_FALSE(w.find("a")->reason);
  }
}

TEST_CASE("who asked for it is stopped with what it needs, and starts after it; others go on running") {
  world w{{spec("base"), with_dependencies("a", {"base"}), with_dependencies("b", {"a"}),
           spec("steady", {"base"}), with_dependencies("behind", {"steady"})}};
  w.start_all();
  CHECK(w.die("base").to_stop == words{"b", "a"});
  CHECK(w.state("a") == service_state::stopping);
  CHECK(w.state("steady") == service_state::running);
  CHECK(w.state("behind") == service_state::running);
  w.stopped("b");
  w.stopped("a");
  CHECK(w.state("a") == service_state::waiting);
  CHECK(w.startable().empty());
  w.pass(1min);
  CHECK(w.startable() == words{"base"});
  w.start("base");
  CHECK(w.startable() == words{"a"});
  w.start_all();
  CHECK(w.state("b") == service_state::running);
  CHECK(w.find("a")->restarts.restarts() == 0);
}

TEST_CASE("who is starting when what it needs dies is stopped as well") {
  world w{{spec("base"), with_dependencies("top", {"base"})}};
  w.start("base");
  w.starting("top");
  CHECK(w.die("base").to_stop == words{"top"});
  w.running("top"); // too late
  CHECK(w.state("top") == service_state::stopping);
}

TEST_CASE("who is stopped with what it needs can be told to stay stopped") {
  world w{{spec("base"), with_dependencies("top", {"base"})}};
  w.start_all();
  w.die("base");
  w.stop("top");
  CHECK(w.state("top") == service_state::stopped);
}

TEST_CASE("what is told too late changes nothing") {
  world w{{spec("a")}};
  auto unmoved = [&](const std::string& name, service_state expected) {
    for (auto loss : {w.died(name, broken, w.now), w.start_failed(name, broken, w.now)}) {
      CHECK_FALSE(loss.given_up);
      CHECK(loss.to_stop.empty());
    }
    w.running(name);
    w.stopped(name);
    if (w.find(name)) CHECK(w.state(name) == expected);
    if (w.find(name)) CHECK_FALSE(w.find(name)->reason);
  };
  unmoved("nobody", {});
  unmoved("a", service_state::waiting);
  w.start("a");
  w.starting("a");
  CHECK(w.start_failed("a", broken, w.now).given_up == false);
  CHECK(w.state("a") == service_state::running);
  w.stop("a");
  w.starting("a");
  w.stopping("a");
  unmoved("a", service_state::stopped);
}
