// Deaths and what follows: restarts, giving up, dependants, requests under way.
#include "node_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

embed_request one_picture(std::string service = "") {
  return {.service = std::move(service), .images = {plain(6, 6, 6)}};
}

} // namespace

TEST_CASE_METHOD(node_fixture, "a service that dies is started again after its pause") {
  start({fake("a")});
  kill(handle_of("a"));
  auto down = status_of("a");
  CHECK(down.state == service_state::restarting);
  CHECK(down.health.state == health::unhealthy);
  CHECK(down.next_start > down.since);
  auto refused = embed("a");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::unavailable);
  CHECK(refused.error().what.find("service 'a' is restarting") == 0);
  pass(110ms);
  CHECK(running() == names{"a"});
  CHECK(status_of("a").restarts == 1);
  CHECK(embed("a"));
}

TEST_CASE_METHOD(node_fixture,
                 "a request under way on a service that dies is answered at once and may be repeated") {
  start({fake("a")});
  auto under_way = send<embed_reply>(node.registry, embed_atom_v, one_picture());
  act();
  auto handle = handle_of("a");
  auto queued = send<embed_reply>(handle, embed_atom_v, one_picture());
  caf::anon_send_exit(handle, caf::exit_reason::kill);
  auto late = send<embed_reply>(handle, embed_atom_v, one_picture());
  act();
  for (auto& one : {under_way, queued, late}) {
    REQUIRE(*one);
    REQUIRE_FALSE(**one);
    CHECK((**one).error().code == errc::unavailable);
    CHECK(retryable((**one).error().code));
  }
}

TEST_CASE_METHOD(node_fixture,
                 "a request that asked to be replayed is done once more when its service is back") {
  start({fake("a")});
  auto request = one_picture();
  request.replay = replay::when_back;
  auto first = send<embed_reply>(node.registry, embed_atom_v, request);
  act();
  caf::anon_send_exit(handle_of("a"), caf::exit_reason::kill);
  settle();
  CHECK_FALSE(*first);
  auto second = send<embed_reply>(node.registry, embed_atom_v, request); // comes while the service is down
  settle();
  CHECK_FALSE(*second);
  pass(110ms);
  REQUIRE((*first && *second));
  REQUIRE(**first);
  CHECK((**first)->vectors.row(0)[0] == 6);
  CHECK(**second);
}

TEST_CASE_METHOD(node_fixture, "a request is replayed once and not again") {
  start({fake("a")});
  auto request = one_picture();
  request.replay = replay::when_back;
  auto reply = send<embed_reply>(node.registry, embed_atom_v, request);
  for (int deaths = 0; deaths < 2; ++deaths) {
    act();
    CHECK_FALSE(*reply);
    caf::anon_send_exit(handle_of("a"), caf::exit_reason::kill);
    act();
    if (deaths == 0) pass_without_workers(110ms);
    while (deaths == 0 && loaders().run_one()) act(); // the service comes back, its lanes stay where they are
  }
  settle();
  REQUIRE(*reply);
  REQUIRE_FALSE(**reply);
  CHECK((**reply).error().code == errc::unavailable);
}

TEST_CASE_METHOD(node_fixture, "a replay ends at the deadline of its request") {
  auto x = fake("a");
  x.restart.first_pause = x.restart.longest_pause = 60s;
  start({x});
  auto request = one_picture();
  request.replay = replay::when_back;
  request.time_allowed = 300ms;
  auto reply = send<embed_reply>(node.registry, embed_atom_v, request);
  act();
  kill(handle_of("a"));
  CHECK_FALSE(*reply);
  pass(310ms);
  REQUIRE(*reply);
  CHECK((**reply).error().code == errc::deadline_exceeded);
}

TEST_CASE_METHOD(node_fixture, "a service that dies too often fails with its last error, until it is reset") {
  auto x = fake("a");
  x.restart.most = 2;
  start({x});
  for (int i = 0; i < 3; ++i) {
    kill(handle_of("a"));
    pass(110ms);
  }
  auto failed = status_of("a");
  CHECK(failed.state == service_state::failed);
  CHECK(failed.health.state == health::failed);
  CHECK(failed.restarts == 2);
  CHECK_FALSE(failed.reason.what.empty());
  pass(10s);
  CHECK(running().empty());
  CHECK(tell(start_atom_v, "a").error().code == errc::unavailable);
  auto again = tell(reset_atom_v, "a");
  REQUIRE(again);
  CHECK(again->state == service_state::running);
  CHECK(embed("a"));
}

TEST_CASE_METHOD(node_fixture, "deaths that are far apart are not held against a service") {
  auto x = fake("a");
  x.restart.most = 1;
  x.restart.window = 1s;
  start({x});
  for (int i = 0; i < 5; ++i) {
    kill(handle_of("a"));
    pass(1200ms, 100ms);
    CHECK(running() == names{"a"});
  }
}

TEST_CASE_METHOD(node_fixture, "what is asked of a service in the wrong state is refused by name") {
  start({fake("a")});
  CHECK(tell(start_atom_v, "a").error().code == errc::in_use);
  CHECK(tell(reset_atom_v, "a").error().code == errc::invalid_argument);
  CHECK(tell(start_atom_v, "b").error().code == errc::unknown_service);
  CHECK(tell(reset_atom_v, "b").error().code == errc::unknown_service);
  CHECK(end(stop_atom_v, "b").error().code == errc::unknown_service);
  CHECK(end(remove_atom_v, "b").error().code == errc::unknown_service);
  REQUIRE(end(stop_atom_v, "a"));
  CHECK(status_of("a").state == service_state::stopped);
  CHECK(end(stop_atom_v, "a").error().code == errc::invalid_argument);
  CHECK(tell(start_atom_v, "a"));
  CHECK(embed("a"));
}

TEST_CASE_METHOD(node_fixture,
                 "who depends on a service that dies is told, and restarted if its spec says so") {
  auto with = fake("with", {"a"});
  with.restart.with_dependencies = true;
  start({fake("a"), with, fake("without", {"a"})});
  kill(handle_of("a"));
  CHECK(running() == names{"without"});
  CHECK(status_of("without").health.state == health::degraded);
  CHECK(status_of("without").health.reason == "it needs service 'a', which is restarting");
  CHECK(status_of("with").state == service_state::waiting);
  pass(110ms);
  CHECK(running() == names{"a", "with", "without"});
  CHECK(status_of("without").health.state == health::healthy);
  CHECK(status_of("with").restarts == 0); // it did not die
}

TEST_CASE_METHOD(node_fixture, "a service that waits for one that failed starts when that is reset") {
  auto a = fake("a");
  a.restart.most = 0;
  auto b = fake("b", {"a"});
  b.restart.with_dependencies = true;
  start({a, b});
  kill(handle_of("a"));
  CHECK(status_of("a").state == service_state::failed);
  CHECK(status_of("b").state == service_state::waiting);
  CHECK(status_of("b").reason.what.find("it needs service 'a', which failed") == 0);
  REQUIRE(tell(reset_atom_v, "a"));
  settle();
  CHECK(running() == names{"a", "b"});
}

TEST_CASE_METHOD(node_fixture, "a model that dies answers what it owes and is made anew by its service") {
  auto x = fake("a");
  x.restart.warm = GENERATE(true, false);
  start({x});
  auto model = model_of("a", "b");
  auto under_way =
      send<embed_reply>(node.registry, embed_atom_v, embed_request{.model = "b", .images = {plain(6, 6, 6)}});
  act();
  kill(model);
  REQUIRE(*under_way);
  CHECK((**under_way).error().code == errc::unavailable);
  CHECK(status_of("a").restarts == 0); // one death of a model is no matter of the service
  CHECK(control->alive == (x.restart.warm ? 1 : 0));
  embed_request again{.model = "b", .images = {plain(6, 6, 6)}};
  CHECK(ask<embed_reply>(node.registry, embed_atom_v, again));
  CHECK(model_of("a", "b") != model);
  CHECK(status().memory.devices.at(0).resident == 1000);
}

TEST_CASE_METHOD(node_fixture, "models that were loaded are loaded again if the spec wants them warm") {
  auto x = fake("a");
  x.restart.warm = GENERATE(true, false);
  start({x});
  REQUIRE(embed("a"));
  kill(handle_of("a"));
  pass(110ms);
  CHECK(control->loads == (x.restart.warm ? 2 : 1));
  CHECK(control->alive == (x.restart.warm ? 1 : 0));
}

TEST_CASE_METHOD(node_fixture, "a start that time may mend is tried again") {
  start();
  auto fails = std::make_shared<int>(2);
  REQUIRE(options.types->add(
      "shy", {}, [fails, control = control](const backend_settings&) -> result<std::unique_ptr<backend>> {
        if ((*fails)-- > 0) return fail(errc::unavailable, "the disk is not mounted yet");
        return std::make_unique<fake_backend>(control);
      }));
  auto x = fake("x");
  x.backend = "shy";
  auto made = send<service_status>(node.supervisor, create_atom_v, x);
  settle();
  CHECK(status_of("x").state == service_state::restarting);
  CHECK(status_of("x").reason.what == "the disk is not mounted yet");
  pass(250ms);
  REQUIRE(*made);
  REQUIRE(**made);
  CHECK(running() == names{"x"});
}

TEST_CASE_METHOD(node_fixture, "what a service requires is checked before it is made") {
  capability_sources nothing;
  options.capabilities = nothing;
  start();
  auto x = fake("x");
  x.required_capabilities = {"cuda", "library:libfoo.so"};
  auto made = create(x);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::missing_capability);
  CHECK(made.error().what.find("service 'x'") != std::string::npos);
  CHECK(made.error().what.find("'cuda'") != std::string::npos);
  CHECK(made.error().what.find("'library:libfoo.so'") != std::string::npos);
  CHECK(status_of("x").state == service_state::failed);
  x.required_capabilities = {"quda"};
  CHECK(create(x).error().code == errc::invalid_config);
  x.required_capabilities = {};
  CHECK(create(x)); // takes the place of the failed one
}

TEST_CASE_METHOD(node_fixture,
                 "a service that does not start in time has failed, and its thread is given up") {
  options.supervision.start_limit = 10s;
  start();
  auto x = fake("x");
  x.restart.most = 0;
  auto made = send<service_status>(node.supervisor, create_atom_v, x);
  act();
  loaders().get_stuck();
  pass(11s, 1s);
  REQUIRE(*made);
  CHECK((**made).error().code == errc::deadline_exceeded);
  CHECK(loaders().status().stuck == 1);
  CHECK(status_of("x").state == service_state::failed);
  loaders().run_stuck();
  settle();
  CHECK(status_of("x").state == service_state::failed); // too late
}

TEST_CASE_METHOD(node_fixture, "services that need nothing of each other start side by side") {
  options.services = {fake("a"), fake("b"), fake("c", {"a"})};
  ending(vef::spawn(system(), options, work).value().supervisor);
  act();
  CHECK(loaders().waiting() == 2);
}

// -- those that serve all -----------------------------------------------------------------------------------

TEST_CASE_METHOD(node_fixture, "a registry that dies is replaced and knows all services") {
  start({fake("a"), fake("b")});
  kill(node.registry);
  CHECK(status().health.state == health::unhealthy);
  pass(110ms);
  CHECK(now().registry != node.registry);
  CHECK(running() == names{"a", "b"});
  CHECK(embed("b"));
  CHECK(status().health.state == health::healthy);
}

TEST_CASE_METHOD(node_fixture, "a governor that dies is replaced and learns what is in memory") {
  start({fake("a")});
  auto service = handle_of("a");
  REQUIRE(embed("a"));
  REQUIRE(ask<void>(service, pin_atom_v, std::string{"a"}, true));
  auto waits = [&] { return send<model_status>(service, load_atom_v, std::string{"b"}); };
  kill(node.governor);
  auto during = waits(); // of a governor that is not there
  act();
  CHECK_FALSE(*during);
  pass(110ms);
  pass(300ms);
  REQUIRE(*during);
  REQUIRE(**during);
  auto memory = status().memory;
  REQUIRE(memory.devices.at(0).holdings.size() == 2);
  CHECK(memory.devices[0].holdings[0].resident == 1000);
  CHECK(memory.devices[0].holdings[0].pinned);
  CHECK(memory.devices[0].resident == 2000);
  CHECK(control->loads == 2); // nothing was loaded twice
  auto reports = ask<std::vector<unload_report>>(now().governor, unload_atom_v, unload_request{"a", "b"});
  REQUIRE(reports);
  CHECK(reports->size() == 1);
  CHECK(control->alive == 1);
}

TEST_CASE_METHOD(node_fixture, "a load under way while the governor is replaced is counted") {
  start({fake("a")});
  auto loading = send<model_status>(handle_of("a"), load_atom_v, std::string{"a"});
  act();
  CHECK(loaders().waiting() == 1);
  caf::anon_send_exit(node.governor, caf::exit_reason::kill);
  act();
  pass_without_workers(110ms);
  settle();
  pass(300ms);
  REQUIRE(*loading);
  REQUIRE(**loading);
  CHECK(status().memory.devices.at(0).resident == 1000);
}

TEST_CASE_METHOD(node_fixture, "when the supervisor ends so does everything that it watches") {
  start({fake("a")});
  REQUIRE(embed("a"));
  auto service = handle_of("a");
  kill(node.supervisor);
  CHECK(ask<service_status>(service, status_atom_v).error().code == errc::unavailable);
  CHECK(ask<memory_status>(node.governor, status_atom_v).error().code == errc::unavailable);
  CHECK(control->alive == 0);
}
