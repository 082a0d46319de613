#include "node_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(node_fixture, "services given at the start run and serve") {
  start({fake("b", {"a"}), fake("a")});
  CHECK(running() == names{"a", "b"});
  CHECK(embed("b")->vectors.row(0)[1] == 4);
}

TEST_CASE_METHOD(node_fixture, "a service that is made later answers when it runs") {
  start();
  auto made = create({.name = "fake"});
  REQUIRE(made);
  CHECK(made->state == service_state::running);
  CHECK(made->backend == "fake");
  CHECK(made->default_model == "a");
  CHECK(embed()->service == "fake");
}

TEST_CASE_METHOD(node_fixture, "what can not be made is refused by name") {
  start({fake("a")});
  CHECK(create(fake("a")).error().code == errc::duplicate_name);
  CHECK(create({.name = "x", .backend = "fkae"}).error().what
        == "unknown backend 'fkae'; did you mean 'fake'?");
  CHECK(create(fake("x", {"nobody"})).error().code == errc::unknown_service);
  CHECK(create({.name = ""}).error().code == errc::invalid_argument);
  auto broken = create({.name = "broken"});
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == errc::load_failed);
  CHECK(broken.error().what.find("cannot be made") != std::string::npos);
  CHECK(running() == names{"a"});
}

TEST_CASE_METHOD(node_fixture, "a catalog that makes no sense keeps its service from starting") {
  start();
  control->catalog = {fake_model("a"), fake_model("a")};
  CHECK(create(fake("x")).error().code == errc::duplicate_name);
  control->catalog.pop_back();
  CHECK(create(fake("x")));
}

TEST_CASE_METHOD(node_fixture, "a service whose dependency failed says so instead of starting") {
  start();
  auto needed = send<service_status>(node.supervisor, create_atom_v, service_spec{.name = "broken"});
  act();
  auto needing = send<service_status>(node.supervisor, create_atom_v, fake("x", {"broken"}));
  settle();
  REQUIRE((*needed && *needing));
  CHECK((**needed).error().code == errc::load_failed);
  CHECK((**needing).error().what.find("needs service 'broken'") != std::string::npos);
  CHECK(running().empty());
}

TEST_CASE_METHOD(node_fixture, "a removed service gives its memory back and its name is free again") {
  start({fake("a")});
  REQUIRE(embed());
  auto reports = end(remove_atom_v, "a");
  REQUIRE(reports);
  CHECK(reports->size() == 1);
  CHECK(control->alive == 0);
  CHECK(embed("a").error().code == errc::unknown_service);
  CHECK(create(fake("a")));
}

TEST_CASE_METHOD(node_fixture, "a service that another one needs is not stopped") {
  start({fake("a"), fake("b", {"a"})});
  auto refused = ask<std::vector<unload_report>>(node.supervisor, stop_atom_v, std::string{"a"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::in_use);
  CHECK(refused.error().what.find("'b'") != std::string::npos);
  CHECK(ask<std::vector<unload_report>>(node.supervisor, stop_atom_v, std::string{"bb"}).error().code
        == errc::unknown_service);
}

TEST_CASE_METHOD(node_fixture, "a shutdown finishes what is under way and stops in reverse order") {
  start({fake("a"), fake("b", {"a"})});
  auto stopped = std::make_shared<names>();
  auto listener = ending(system().spawn([stopped]() -> listener_actor::behavior_type {
    return {[stopped](event_atom, const registry_event& x) {
      if (x.service.state == service_state::stopping) stopped->push_back(x.service.name);
    }};
  }));
  caf::anon_send(node.registry, subscribe_atom_v, listener);
  auto reply = send<embed_reply>(node.registry, embed_atom_v,
                                 embed_request{.service = "a", .images = {plain(6, 6, 6)}});
  act();
  auto down = send<void>(node.supervisor, shutdown_atom_v, 10000ms);
  settle();
  REQUIRE((*reply && *down));
  CHECK(**down);
  CHECK((**reply)->vectors.row(0)[0] == 6);
  CHECK(*stopped == names{"b", "a"});
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(node_fixture, "a shutdown ends at its limit though work is stuck") {
  start({fake("a")});
  auto stuck = send<embed_reply>(node.registry, embed_atom_v, embed_request{.images = {plain(6, 6, 6)}});
  act();
  auto down = send<void>(node.supervisor, shutdown_atom_v, 2000ms);
  act();
  CHECK_FALSE(*down);
  pass_without_workers(2010ms);
  pass_without_workers(600ms);
  REQUIRE(*down);
  REQUIRE(*stuck);
  CHECK((**stuck).error().code == errc::shutting_down);
}

TEST_CASE_METHOD(node_fixture, "the status tells of backends and services and memory") {
  start({fake("a")});
  REQUIRE(embed());
  auto x = ask<node_status>(node.supervisor, status_atom_v);
  REQUIRE(x);
  CHECK(x->backends.size() == 2);
  REQUIRE(x->services.size() == 1);
  CHECK(x->services[0].models.at(0).state == model_state::ready);
  CHECK(x->memory.devices.at(0).resident == 1000);
  CHECK(x->version == "0.1.0");
}

TEST_CASE_METHOD(node_fixture, "a service that is not to start by itself waits until somebody starts it") {
  auto waiting = fake("a");
  waiting.auto_start = false;
  start({waiting, fake("b")});
  CHECK(running() == names{"b"});
  CHECK(status_of("a").state == service_state::stopped);
  CHECK(embed("a").error().what == "service 'a' is stopped");
  CHECK(tell(start_atom_v, "a")->state == service_state::running);
  CHECK(embed("a"));
}

TEST_CASE_METHOD(node_fixture, "a service starts what it needs, though that is not to start by itself") {
  auto waiting = fake("a");
  waiting.auto_start = false;
  start({fake("c", {"a"}), waiting});
  CHECK(running() == names{"a", "c"});
}

TEST_CASE_METHOD(node_fixture, "specs in a circle are refused before anything starts") {
  options.services = {fake("a", {"b"}), fake("b", {"a"})};
  auto refused = vef::spawn(system(), options, work);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_config);
}

TEST_CASE_METHOD(node_fixture,
                 "a node that is being stopped takes no more requests, and ends what is in its way") {
  start({fake("a"), fake("b", {"a"})});
  auto under_way = send<embed_reply>(node.registry, embed_atom_v,
                                     embed_request{.service = "a", .images = {plain(6, 6, 6)}});
  act();
  auto down = send<void>(node.supervisor, shutdown_atom_v, 5000ms);
  act();
  auto late = send<embed_reply>(node.registry, embed_atom_v,
                                embed_request{.service = "a", .images = {plain(6, 6, 6)}});
  auto made = send<service_status>(node.supervisor, create_atom_v, fake("c"));
  auto started = send<service_status>(node.supervisor, start_atom_v, std::string{"a"});
  act();
  CHECK((**late).error().code == errc::shutting_down);
  CHECK((**made).error().code == errc::shutting_down);
  CHECK((**started).error().code == errc::shutting_down);
  auto sooner = send<void>(node.supervisor, shutdown_atom_v, 100ms); // in more of a hurry
  act();
  CHECK_FALSE(*down);
  for (int i = 0; i < 12; ++i) pass_without_workers(100ms);
  REQUIRE((*down && *sooner && *under_way));
  CHECK((**under_way).error().code == errc::shutting_down);
}

TEST_CASE_METHOD(node_fixture, "stopping a service that is being stopped waits for the same end") {
  start({fake("a")});
  auto busy = send<embed_reply>(node.registry, embed_atom_v, embed_request{.images = {plain(6, 6, 6)}});
  act();
  auto stopped = send<std::vector<unload_report>>(node.supervisor, stop_atom_v, std::string{"a"});
  auto removed = send<std::vector<unload_report>>(node.supervisor, remove_atom_v, std::string{"a"});
  act();
  CHECK_FALSE((*stopped || *removed));
  settle();
  REQUIRE((*busy && *stopped && *removed));
  CHECK(**busy);
  CHECK(**removed);
  CHECK(status().services.empty());
  CHECK(create(fake("a")));
}

TEST_CASE_METHOD(node_fixture, "a service that dies while it is being stopped has stopped") {
  start({fake("a")});
  auto handle = handle_of("a");
  auto busy = send<embed_reply>(node.registry, embed_atom_v, embed_request{.images = {plain(6, 6, 6)}});
  act();
  auto stopped = send<std::vector<unload_report>>(node.supervisor, stop_atom_v, std::string{"a"});
  act();
  kill(handle);
  REQUIRE((*busy && *stopped));
  CHECK((**busy).error().code == errc::unavailable);
  CHECK(status_of("a").state == service_state::stopped);
  pass(1s, 100ms);
  CHECK(status_of("a").state == service_state::stopped);
}

TEST_CASE_METHOD(node_fixture, "whoever waits for all services hears when each has arrived somewhere") {
  auto a = fake("a");
  a.restart.most = 1;
  start();
  auto made = send<service_status>(node.supervisor, create_atom_v, a);
  auto blocked = send<service_status>(node.supervisor, create_atom_v, fake("b", {"a"}));
  auto settled = send<void>(node.supervisor, settle_atom_v);
  act();
  CHECK_FALSE(*settled);
  settle();
  REQUIRE(*settled);
  CHECK(running() == names{"a", "b"});
}
