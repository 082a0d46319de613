#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;

namespace {

class registry_fixture : public actor_fixture {
public:
  registry_fixture() {
    (void)types->add("fake", {.description = "a fake"},
                     [](const backend_settings&) -> result<std::unique_ptr<backend>> {
                       return fail(errc::internal, "unused");
                     });
  }

  std::shared_ptr<backend_types> types = std::make_shared<backend_types>();
  registry_actor registry = ending(spawn_registry(system(), types));

  service_status status_of(const std::string& name, service_state state = service_state::running) {
    service_status x;
    x.name = name;
    x.state = state;
    x.catalog = control->catalog;
    x.default_model = "a";
    return x;
  }

  void put(const std::string& name) {
    caf::anon_send(registry, put_atom_v, status_of(name), make_service(0, name));
    settle();
  }

  result<embed_reply> ask_embed(std::string service, std::string model) {
    auto x = request({plain(1, 1, 1)}, std::move(model));
    x.service = std::move(service);
    return ask<embed_reply>(registry, embed_atom_v, x);
  }
};

} // namespace

TEST_CASE_METHOD(registry_fixture, "a request finds its service by name or by model or by nothing") {
  put("first");
  control->catalog = {fake_model("z")};
  put("second");
  CHECK(ask_embed("", "")->service == "first");
  CHECK(ask_embed("", "z")->service == "second");
  CHECK(ask_embed("first", "b")->service == "first");
}

TEST_CASE_METHOD(registry_fixture, "unknown names are refused with the nearest") {
  put("first");
  CHECK(ask_embed("frist", "").error().what == "unknown service 'frist'; did you mean 'first'?");
  CHECK(ask_embed("", "bb").error().code == errc::unknown_model);
}

TEST_CASE_METHOD(registry_fixture, "a service that does not run is unavailable and says why") {
  CHECK(ask_embed("", "").error().code == errc::unavailable);
  CHECK(ask_embed("", "a").error().code == errc::unavailable); // it may be on its way
  auto failed = status_of("s", service_state::failed);
  failed.reason = {errc::load_failed, "no such folder"};
  caf::anon_send(registry, put_atom_v, failed);
  settle();
  auto reply = ask_embed("s", "");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::unavailable);
  CHECK(reply.error().what == "service 's' is failed: no such folder");
  CHECK(ask_embed("", "a").error().code == errc::unavailable); // it may be the one that offers the model
}

TEST_CASE_METHOD(registry_fixture, "models of all services are listed with their service") {
  put("first");
  put("second");
  auto models = ask<std::vector<catalog_entry>>(registry, models_atom_v);
  REQUIRE(models);
  CHECK(models->size() == 6);
  CHECK(models->at(0).service == "first");
  CHECK(models->at(5).service == "second");
  CHECK(ask<std::vector<backend_metadata>>(registry, backends_atom_v)->at(0).description == "a fake");
}

TEST_CASE_METHOD(registry_fixture, "a service that is gone is forgotten") {
  put("first");
  caf::anon_send(registry, release_atom_v, std::string{"first"});
  settle();
  CHECK(ask_embed("first", "").error().code == errc::unknown_service);
  CHECK(ask<std::vector<service_status>>(registry, status_atom_v)->empty());
}

TEST_CASE_METHOD(registry_fixture, "a listener hears of what is there and of every change") {
  put("first");
  auto heard = std::make_shared<std::vector<std::string>>();
  auto listener = ending(system().spawn([heard]() -> listener_actor::behavior_type {
    return {[heard](event_atom, const registry_event& x) {
      heard->push_back(x.service.name + ' ' + std::string{to_string(x.service.state)});
    }};
  }));
  caf::anon_send(registry, subscribe_atom_v, listener);
  put("second");
  caf::anon_send(registry, release_atom_v, std::string{"first"});
  settle();
  CHECK(*heard == std::vector<std::string>{"first running", "second running", "first stopped"});
}

TEST_CASE_METHOD(registry_fixture, "a service that does not answer is listed with that as its reason") {
  put("first");
  auto deaf = ending(system().spawn([](service_actor::pointer) -> service_actor::behavior_type {
    return {
        [](embed_atom, const embed_request&) -> caf::result<embed_reply> {
          return caf::delegated<embed_reply>{};
        },
        [](load_atom, const std::string&) -> caf::result<model_status> {
          return caf::delegated<model_status>{};
        },
        [](unload_atom, const std::string&, unload_mode) -> caf::result<std::vector<unload_report>> {
          return caf::delegated<std::vector<unload_report>>{};
        },
        [](models_atom) -> caf::result<std::vector<catalog_entry>> {
          return caf::delegated<std::vector<catalog_entry>>{};
        },
        [](status_atom) -> caf::result<service_status> { return caf::delegated<service_status>{}; },
        [](plan_atom, const std::string&) -> caf::result<load_plan> { return caf::sec::unexpected_message; },
        [](pin_atom, const std::string&, bool) {},
        [](check_atom, const check_request&) { return check_report{}; },
        [](put_atom, const caf::strong_actor_ptr&) {},
        [](event_atom, const model_status&) {},
        [](drain_atom, std::chrono::milliseconds) -> caf::result<std::vector<unload_report>> {
          return caf::delegated<std::vector<unload_report>>{};
        },
    };
  }));
  caf::anon_send(registry, put_atom_v, status_of("deaf"), deaf);
  auto listed = send<std::vector<service_status>>(registry, status_atom_v);
  settle();
  CHECK_FALSE(*listed);
  pass(std::chrono::seconds{4}, std::chrono::seconds{1});
  REQUIRE(*listed);
  REQUIRE((**listed)->size() == 2);
  CHECK((**listed)->at(1).reason.code == errc::deadline_exceeded);
}
