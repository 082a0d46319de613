#include "support/actor_fixture.hpp"

#include <vef/supervisor/instance.hpp>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// A whole instance in a system that stands still, with the backend type "fake", and "broken" whose
/// construction fails.
class node_fixture : public still_system {
public:
  node_fixture() {
    control->catalog = {fake_model("a"), fake_model("b")};
    (void)options.types->add("fake", {.description = "for tests"},
                             [this](const backend_settings&) -> result<std::unique_ptr<backend>> {
                               return std::make_unique<fake_backend>(control);
                             });
    (void)options.types->add("broken", {}, [](const backend_settings&) -> result<std::unique_ptr<backend>> {
      throw std::runtime_error("cannot be made");
    });
  }

  std::shared_ptr<fake_control> control = std::make_shared<fake_control>();
  instance_options options;
  instance node;

  void start(std::vector<service_spec> services = {}) {
    options.services = std::move(services);
    node = vef::spawn(system(), options, work).value();
    ending(node.supervisor);
    settle();
  }

  result<service_status> create(service_spec x) {
    return ask<service_status>(node.supervisor, create_atom_v, x);
  }

  std::vector<std::string> running() {
    std::vector<std::string> out;
    auto all = ask<std::vector<service_status>>(node.registry, status_atom_v).value();
    for (auto& x : all)
      if (x.state == service_state::running) out.push_back(x.name);
    return out;
  }

  result<embed_reply> embed(const std::string& service = "") {
    embed_request x{.service = service, .images = {plain(3, 4, 5)}};
    return ask<embed_reply>(node.registry, embed_atom_v, x);
  }
};

service_spec fake(std::string name, std::vector<std::string> needs = {}) {
  service_spec x{.name = std::move(name), .backend = "fake"};
  x.dependencies = std::move(needs);
  return x;
}

using names = std::vector<std::string>;

} // namespace

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

TEST_CASE_METHOD(node_fixture, "a stopped service gives its memory back and its name is free again") {
  start({fake("a")});
  REQUIRE(embed());
  auto reports = ask<std::vector<unload_report>>(node.supervisor, stop_atom_v, std::string{"a"});
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

TEST_CASE_METHOD(node_fixture, "a service whose actor dies is failed with its reason") {
  start({fake("a")});
  auto handle = ask<service_actor>(node.registry, find_atom_v, std::string{"a"}).value();
  caf::anon_send_exit(handle, caf::exit_reason::kill);
  settle();
  CHECK(running().empty());
  auto reply = embed("a");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::unavailable);
}

TEST_CASE_METHOD(node_fixture,
                 "a service that is not to start by itself is left out and can not be depended on") {
  auto waiting = fake("a");
  waiting.auto_start = false;
  start({waiting, fake("b")});
  CHECK(running() == names{"b"});
  CHECK(create(waiting));
  options.services = {waiting, fake("c", {"a"})};
  auto refused = vef::spawn(system(), options, work);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::unknown_service);
}

TEST_CASE_METHOD(node_fixture, "specs in a circle are refused before anything starts") {
  options.services = {fake("a", {"b"}), fake("b", {"a"})};
  auto refused = vef::spawn(system(), options, work);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_config);
}
