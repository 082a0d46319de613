// Every interface over a real connection: two actor systems of one process, loopback.
#include "support/catch.hpp"
#include "support/fake_backend.hpp"

#include <vef/supervisor/instance.hpp>

#include <caf/io/all.hpp>
#include <caf/scoped_actor.hpp>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

struct config : caf::actor_system_config {
  config() {
    load<caf::io::middleman>();
    vef::add_message_types(*this);
    set("middleman.attach-utility-actors", true);
    set("scheduler.policy", caf::atom("sharing"));
  }
};

struct side {
  config settings;
  caf::actor_system system{settings};
};

struct two_systems {
  two_systems() {
    control->catalog = {fake_model("a")};
    instance_options options;
    REQUIRE(
        options.types->add("fake", {}, [this](const backend_settings&) -> result<std::unique_ptr<backend>> {
          return std::make_unique<fake_backend>(control);
        }));
    node = vef::spawn(server.system, options).value();
    auto port = server.system.middleman().publish(node.registry, 0, "127.0.0.1");
    REQUIRE(port);
    registry = client.system.middleman().remote_actor<registry_actor>("127.0.0.1", *port).value();
    auto root = server.system.middleman().publish(node.supervisor, 0, "127.0.0.1");
    supervisor = client.system.middleman().remote_actor<supervisor_actor>("127.0.0.1", *root).value();
  }

  ~two_systems() { (void)ask<void>(supervisor, shutdown_atom_v, 5000ms); }

  template <class T, class Handle, class... Ts> result<T> ask(const Handle& whom, Ts&&... message) {
    result<T> out = fail(errc::internal, "no answer");
    caf::scoped_actor self{client.system};
    auto failed = [&](caf::error& why) { out = fail(from_caf(why)); };
    if constexpr (std::is_void_v<T>)
      self->request(whom, 20s, std::forward<Ts>(message)...).receive([&] { out = {}; }, failed);
    else
      self->request(whom, 20s, std::forward<Ts>(message)...)
          .receive([&](T& x) { out = std::move(x); }, failed);
    return out;
  }

  std::shared_ptr<fake_control> control = std::make_shared<fake_control>();
  side server, client;
  instance node;
  registry_actor registry;
  supervisor_actor supervisor;
};

} // namespace

TEST_CASE_METHOD(two_systems, "a node is used from another one as from within") {
  REQUIRE(ask<service_status>(supervisor, create_atom_v, service_spec{.name = "fake"}));
  embed_request x{.images = {plain(1, 2, 3), broken()}};
  auto reply = ask<embed_reply>(registry, embed_atom_v, x);
  REQUIRE(reply);
  CHECK(reply->vectors.row(0)[2] == 3);
  CHECK(reply->outcomes[1].code == errc::not_a_picture);

  auto service = ask<service_actor>(registry, find_atom_v, std::string{"fake"});
  REQUIRE(service);
  CHECK(ask<model_status>(*service, load_atom_v, std::string{"a"})->state == model_state::ready);
  CHECK(ask<std::vector<unload_report>>(*service, unload_atom_v, std::string{}, unload_mode::if_idle)->size()
        == 1);
  CHECK(ask<std::vector<catalog_entry>>(registry, models_atom_v)->size() == 1);
  CHECK(ask<node_status>(supervisor, status_atom_v)->services.size() == 1);
}

TEST_CASE_METHOD(two_systems, "a node's services are looked after from another one as from within") {
  REQUIRE(ask<service_status>(supervisor, create_atom_v, service_spec{.name = "fake"}));
  auto service = ask<service_actor>(registry, find_atom_v, std::string{"fake"}).value();
  CHECK(ask<check_report>(service, check_atom_v, check_request{.canary = true}) == check_report{});
  CHECK(ask<void>(supervisor, settle_atom_v));
  CHECK(ask<std::vector<unload_report>>(supervisor, stop_atom_v, std::string{"fake"}));
  CHECK(ask<service_status>(supervisor, start_atom_v, std::string{"fake"})->state == service_state::running);
  CHECK(ask<service_status>(supervisor, reset_atom_v, std::string{"fake"}).error().code
        == errc::invalid_argument);
  auto now = ask<node_actors>(supervisor, find_atom_v);
  REQUIRE(now);
  CHECK(now->registry == registry);
  CHECK(ask<memory_status>(now->governor, status_atom_v)->devices.size() == 1);
  CHECK(ask<std::vector<unload_report>>(supervisor, remove_atom_v, std::string{"fake"}));
}

TEST_CASE_METHOD(two_systems, "an error keeps its code and its words over the network") {
  auto refused = ask<service_status>(supervisor, create_atom_v, service_spec{.name = "fkae"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == error{errc::unknown_backend, "unknown backend 'fkae'; did you mean 'fake'?"});
}
