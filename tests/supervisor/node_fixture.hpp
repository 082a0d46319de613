#pragma once

#include "support/actor_fixture.hpp"

#include <vef/supervisor/instance.hpp>

namespace vef::test {

/// A whole instance in a system that stands still, with the backend type "fake", and "broken" whose
/// construction fails.
class node_fixture : public still_system {
public:
  node_fixture() {
    control->catalog = {fake_model("a"), fake_model("b")};
    (void)options.types->add("fake", {.description = "for tests"},
                             [control = control](const backend_settings&) -> result<std::unique_ptr<backend>> {
                               return std::make_unique<fake_backend>(control);
                             });
    (void)options.types->add("broken", {}, [](const backend_settings&) -> result<std::unique_ptr<backend>> {
      throw std::runtime_error("cannot be made");
    });
  }

  std::shared_ptr<fake_control> control = std::make_shared<fake_control>();
  instance_options options = still();
  instance node;

  /// Pauses of one length, so that a test knows when something is due, and nobody looks at the machine's
  /// memory.
  static instance_options still() {
    instance_options x;
    x.monitor.interval = std::chrono::milliseconds{0};
    x.memory = actor_fixture::at_once();
    x.supervision.restart = quick();
    return x;
  }
  static restart_rules quick() {
    return {.first_pause = std::chrono::milliseconds{100}, .longest_pause = std::chrono::milliseconds{100}};
  }

  void start(std::vector<service_spec> services = {}) {
    options.services = std::move(services);
    node = vef::spawn(system(), options, work).value();
    ending(node.supervisor);
    settle();
  }

  result<service_status> create(service_spec x) {
    return ask<service_status>(node.supervisor, create_atom_v, x);
  }

  /// As the supervisor has them now: those of the start may have died.
  node_actors now() { return look<node_actors>(node.supervisor, find_atom_v).value(); }

  std::vector<std::string> running() {
    std::vector<std::string> out;
    for (auto& x : status().services)
      if (x.state == service_state::running) out.push_back(x.name);
    return out;
  }

  node_status status() { return look<node_status>(node.supervisor, status_atom_v).value(); }

  service_status status_of(const std::string& service) {
    for (auto& x : status().services)
      if (x.name == service) return x;
    return {};
  }

  service_actor handle_of(const std::string& service) {
    return look<service_actor>(now().registry, find_atom_v, service).value();
  }

  /// Loads a model, and notes its actor when that has answered.
  using noted = std::shared_ptr<std::vector<caf::strong_actor_ptr>>;
  void note_model(const service_actor& service, const std::string& id, const noted& where) {
    system().spawn([=](caf::event_based_actor* self) {
      self->request(service, std::chrono::minutes{60}, load_atom_v, id)
          .then([=](const model_status&) { where->push_back(self->current_sender()); }, [](caf::error&) {});
    });
  }

  caf::strong_actor_ptr model_of(const std::string& service, const std::string& id) {
    auto where = std::make_shared<std::vector<caf::strong_actor_ptr>>();
    note_model(handle_of(service), id, where);
    settle();
    REQUIRE(where->size() == 1);
    return where->front();
  }

  template <class Handle> void kill(const Handle& x) {
    caf::anon_send_exit(x, caf::exit_reason::kill);
    settle();
  }

  /// Sends a message that has only the name of a service, and answers with its status.
  template <class Atom> result<service_status> tell(Atom what, const std::string& service) {
    return ask<service_status>(node.supervisor, what, service);
  }
  template <class Atom> result<std::vector<unload_report>> end(Atom what, const std::string& service) {
    return ask<std::vector<unload_report>>(node.supervisor, what, service);
  }

  result<embed_reply> embed(const std::string& service = "") {
    embed_request x{.service = service, .images = {plain(3, 4, 5)}};
    return ask<embed_reply>(now().registry, embed_atom_v, x);
  }
};

inline service_spec fake(std::string name, std::vector<std::string> needs = {}) {
  service_spec x{.name = std::move(name), .backend = "fake"};
  x.dependencies = std::move(needs);
  x.restart = node_fixture::quick();
  x.health_check_interval = std::chrono::milliseconds{0}; // tests that are about checks ask for them
  return x;
}

using names = std::vector<std::string>;

} // namespace vef::test
