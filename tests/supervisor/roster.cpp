#include "roster_world.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

// -- adding -------------------------------------------------------------------------------------------------

TEST_CASE("a service that is added waits for its start, or is stopped until somebody wants it") {
  world w{{spec("a"), by_hand("b")}};
  CHECK(w.state("a") == service_state::waiting);
  CHECK(w.state("b") == service_state::stopped);
  CHECK(w.startable() == words{"a"});
  CHECK(w.find("a")->spec.backend == "a");
  CHECK(w.names() == words{"a", "b"});
  CHECK(w.find("c") == nullptr);
}

TEST_CASE("services that need each other are added together in any order") {
  world w{{spec("top", {"middle"}), spec("middle", {"base"}), spec("base")}};
  CHECK(w.names() == words{"top", "middle", "base"});
  CHECK(w.startable() == words{"base"});
}

TEST_CASE("what can't be added is refused by name, and nothing of it stays") {
  world w{{spec("config"), spec("a", {"config"})}};
  auto refused = [&](std::vector<service_spec> specs) {
    auto error = refusal(w.add_all(std::move(specs)));
    CHECK(w.names() == words{"config", "a"});
    return error;
  };
  CHECK(refused({spec("b"), spec("")}) == error{errc::invalid_argument, "a service needs a name"});
  CHECK(refused({spec("b"), spec("a")}) == error{errc::duplicate_name, "two services are named 'a'"});
  CHECK(refused({spec("b"), spec("b")}) == error{errc::duplicate_name, "two services are named 'b'"});
  CHECK(refused({spec("b"), spec("c", {"confg"})})
        == error{errc::unknown_service,
                 "service 'c' depends on an unknown service 'confg'; did you mean 'config'?"});
  CHECK(refused({spec("b", {"c", "a"}), spec("c", {"b"})})
        == error{errc::invalid_config, "services depend on each other in a circle: b -> c -> b"});
  auto hasty = spec("b");
  hasty.restart.first_pause = -1ms;
  auto error = refused({hasty});
  CHECK(error.code == errc::invalid_config);
  CHECK(error.what.starts_with("service 'b': "));
}

TEST_CASE("who is added and starts by itself brings along what it needs") {
  world w{{by_hand("base"), by_hand("middle", {"base"}), by_hand("other")}};
  REQUIRE(w.add(spec("top", {"middle"})));
  CHECK(w.startable() == words{"base"});
  w.start_all();
  CHECK(w.state("top") == service_state::running);
  CHECK(w.state("other") == service_state::stopped);
}

TEST_CASE("a failed service is replaced by one of its name, and who needs it starts then") {
  world w{{spec("a"), spec("b", {"a"})}};
  w.fail_start("a");
  auto better = by_hand("a");
  better.backend = "another";
  REQUIRE(w.add(better));
  CHECK(w.names() == words{"a", "b"});
  CHECK(w.find("a")->spec.backend == "another");
  CHECK_FALSE(w.find("a")->reason);
  w.start_all();
  CHECK(w.state("b") == service_state::running);
}

TEST_CASE("a failed service is not replaced by one that needs who needs it") {
  world w{{spec("a"), spec("b", {"a"})}};
  w.fail_start("a");
  CHECK(refusal(w.add(spec("a", {"b"})))
        == error{errc::invalid_config, "services depend on each other in a circle: a -> b -> a"});
  CHECK(w.state("a") == service_state::failed);
}

// -- starting -----------------------------------------------------------------------------------------------

TEST_CASE("services start side by side as soon as all that they need runs, by priority and then by name") {
  world w{{spec("c"), spec("b", {}, 9), spec("a"), spec("first", {}, -1), spec("top", {"a", "c"}, -9)}};
  CHECK(w.startable() == words{"first", "a", "c", "b"});
  w.start("a");
  w.starting("c");
  CHECK(w.startable() == words{"first", "b"});
  w.running("c");
  CHECK(w.startable() == words{"top", "first", "b"});
}

TEST_CASE("a service that is wanted wants all that it needs") {
  world w{{by_hand("base"), by_hand("left", {"base"}), by_hand("right", {"base"}),
           by_hand("top", {"left", "right"}), by_hand("other")}};
  REQUIRE(w.want("top"));
  CHECK(w.startable() == words{"base"});
  w.start("base");
  CHECK(w.startable() == words{"left", "right"});
  w.start_all();
  CHECK(w.state("top") == service_state::running);
  CHECK(w.state("other") == service_state::stopped);
}

TEST_CASE("a service that runs or is about to can't be started again") {
  world w{{spec("base"), spec("top", {"base"})}};
  auto refused = [&](const std::string& name) { return refusal(w.want(name)); };
  CHECK(refused("base") == error{errc::in_use, "service 'base' is about to start"});
  w.starting("base");
  CHECK(refused("base") == error{errc::in_use, "service 'base' is starting"});
  CHECK(refused("top")
        == error{errc::in_use, "service 'top' waits: it needs service 'base', which is starting"});
  w.running("base");
  CHECK(refused("base") == error{errc::in_use, "service 'base' runs already"});
  w.die("base");
  CHECK(refused("base") == error{errc::in_use, "service 'base' is restarting"});
  CHECK(refused("bose") == error{errc::unknown_service, "unknown service 'bose'; did you mean 'base'?"});
}

TEST_CASE("a service that failed, or that needs one which failed, is started only after a reset") {
  world w{{spec("base"), by_hand("middle", {"base"}), by_hand("top", {"middle"})}};
  w.fail_start("base");
  CHECK(refusal(w.want("base"))
        == error{errc::unavailable, "service 'base' failed: no such file; reset it first"});
  CHECK(refusal(w.want("top"))
        == error{errc::unavailable,
                 "service 'top' needs service 'base', which failed: no such file; reset that one first"});
  CHECK(w.state("middle") == service_state::stopped);
  REQUIRE(w.reset("base"));
  CHECK(w.want("top"));
}

TEST_CASE("a service is started although what its running needs once needed has failed") {
  world w{{spec("base"), spec("middle", {"base"}), by_hand("top", {"middle"})}};
  w.start_all();
  while (!w.die("base").given_up) {
    w.pass(1min);
    w.start("base");
  }
  REQUIRE(w.want("top"));
  CHECK(w.startable() == words{"top"});
}

TEST_CASE("a waiting service says what is in its way") {
  world w{{spec("base"), spec("side"), spec("middle", {"base"}), spec("top", {"side", "middle"})}};
  auto way = [&](const std::string& name) { return w.blocked_by(name).what; };
  CHECK(way("base").empty());
  CHECK(way("top") == "it needs service 'side', which is about to start");
  w.start("side");
  w.starting("base");
  CHECK(way("middle") == "it needs service 'base', which is starting");
  CHECK(way("top") == "it needs service 'middle', which waits: it needs service 'base', which is starting");
  w.start_failed("base", busy, w.now);
  CHECK(way("middle") == "it needs service 'base', which is restarting");
  CHECK(w.failed_need("top") == nullptr);
  w.pass(1min);
  w.fail_start("base");
  CHECK(w.blocked_by("top")
        == error{errc::unavailable, "it needs service 'base', which failed: no such file"});
  CHECK(w.failed_need("top") == w.find("base"));
  CHECK(w.failed_need("side") == nullptr);
  CHECK_FALSE(w.blocked_by("side"));
  CHECK_FALSE(w.blocked_by("nobody"));
}

// -- stopping -----------------------------------------------------------------------------------------------

TEST_CASE("a service that others need is not stopped before them") {
  world w{{spec("base"), spec("a", {"base"}), spec("b", {"base"}), by_hand("idle", {"base"})}};
  w.start_all();
  CHECK(refusal(w.can_stop("base")) == error{errc::in_use, "service 'base' is needed by 'a', 'b'"});
  w.stop("a");
  w.stopping("b");
  CHECK(refusal(w.can_stop("base")) == error{errc::in_use, "service 'base' is needed by 'b'"});
  w.stopped("b");
  w.stop("base");
  CHECK(w.state("base") == service_state::stopped);
  CHECK(w.startable().empty());
}

TEST_CASE("a failed service holds nobody back from being stopped") {
  world w{{spec("base"), spec("top", {"base"})}};
  w.start("base");
  w.fail_start("top");
  w.stop("base");
  REQUIRE(w.reset("top")); // and needs it again
  CHECK(w.startable() == words{"base"});
}

TEST_CASE("only what runs or is about to is stopped") {
  world w{{spec("waits"), spec("runs"), spec("failed"), spec("restarts"), spec("starts")}};
  w.start("runs");
  w.start("restarts");
  w.starting("starts");
  w.die("restarts");
  w.fail_start("failed");
  CHECK(refusal(w.can_stop("failed"))
        == error{errc::invalid_argument, "service 'failed' failed: no such file"});
  for (const auto* name : {"waits", "runs", "restarts", "starts"}) {
    REQUIRE(w.can_stop(name));
    w.stopping(name);
    CHECK(refusal(w.can_stop(name)).what == "service '" + std::string{name} + "' is being stopped");
    w.stopped(name);
    CHECK(refusal(w.can_stop(name))
          == error{errc::invalid_argument, "service '" + std::string{name} + "' is stopped"});
    CHECK_FALSE(w.find(name)->reason);
  }
  CHECK(refusal(w.can_stop("run")).what == "unknown service 'run'; did you mean 'runs'?");
  CHECK_FALSE(w.next_due());
  CHECK(w.startable().empty());
}

TEST_CASE("a service that is wanted while it is being stopped starts again") {
  world w{{spec("base"), spec("top", {"base"})}};
  w.start_all();
  w.stopping("top");
  w.stopping("base");
  REQUIRE(w.want("top"));
  CHECK(refusal(w.want("base")).what == "service 'base' is being stopped, to start again");
  w.stopped("top");
  CHECK(w.blocked_by("top").what == "it needs service 'base', which is being stopped, to start again");
  w.stopped("base");
  CHECK(w.startable() == words{"base"});
}

TEST_CASE("a service is forgotten only when no other one names it") {
  world w{{spec("base"), by_hand("idle", {"base"})}};
  CHECK(refusal(w.can_remove("base")) == error{errc::in_use, "service 'base' is needed by 'idle'"});
  CHECK(refusal(w.remove("base")).code == errc::in_use);
  CHECK(refusal(w.remove("bas")).code == errc::unknown_service);
  REQUIRE(w.remove("idle"));
  REQUIRE(w.remove("base"));
  CHECK(w.names().empty());
  CHECK(w.add(spec("base")));
}

TEST_CASE("services stop after all that need them, the last started first") {
  world w{{spec("base"), spec("a", {"base"}), spec("b", {"base"}), spec("top", {"a"}), spec("idle", {"b"})}};
  w.start("base");
  w.start("a");
  w.start("b");
  w.starting("top");
  CHECK(w.stop_order() == words{"top", "b", "a", "base"});
  w.die("base");
  w.pass(1min);
  w.start("base"); // after those that need it
  CHECK(w.stop_order() == words{"top", "b", "a", "base"});
}

TEST_CASE("a service that runs stops before what it needs through one that does not run") {
  world w{{spec("base"), spec("other"), spec("middle", {"base"}), spec("top", {"middle"})}};
  w.start("other");
  w.start("base");
  w.start_all();
  w.die("middle");
  w.die("base");
  w.pass(1min);
  w.start("base");
  CHECK(w.stop_order() == words{"top", "base", "other"});
}
