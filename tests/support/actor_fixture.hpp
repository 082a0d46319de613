#pragma once

#include "support/fake_backend.hpp"
#include "support/still_system.hpp"

#include <vef/actors/governor.hpp>
#include <vef/actors/registry.hpp>
#include <vef/actors/service.hpp>

namespace vef::test {

/// A governor of 10,000 bytes and services over fake backends, in a system that stands still.
class actor_fixture : public still_system {
public:
  explicit actor_fixture(governor_options governing = at_once())
      : governor(ending(spawn_governor(system(), std::move(governing)))) {
    control->catalog = {fake_model("a"), fake_model("b"), fake_model("c")};
  }

  /// A governor that lets models go as soon as somebody else wants their place.
  static governor_options at_once() {
    governor_options x{.capacity = {{"host", 10000}}, .slack = 0};
    x.residency.minimum = x.residency.longest_minimum = x.admission.drain_after =
        std::chrono::milliseconds{0};
    return x;
  }

  std::shared_ptr<fake_control> control = std::make_shared<fake_control>();
  model_options options;
  governor_actor governor;

  service_actor make_service(std::uint32_t max_loaded_models = 0, std::string name = "s") {
    service_spec spec{.name = std::move(name), .backend = "fake"};
    spec.max_loaded_models = max_loaded_models;
    return make_service(std::move(spec));
  }

  service_actor make_service(service_spec spec) {
    return ending(spawn_service(system(), {std::move(spec), std::make_shared<fake_backend>(control),
                                           control->catalog, work, governor, options}));
  }

  static embed_request request(std::vector<image> images, std::string model = "") {
    return {.model = std::move(model), .images = std::move(images)};
  }

  result<embed_reply> embed(const service_actor& x, std::vector<image> images, std::string model = "") {
    return ask<embed_reply>(x, embed_atom_v, request(std::move(images), std::move(model)));
  }

  /// One picture, whatever becomes of it.
  result<embed_reply> use(const service_actor& x, std::string model) {
    return embed(x, {plain(1, 1, 1)}, std::move(model));
  }

  model_status model(const service_actor& x, const std::string& id) {
    auto status = ask<service_status>(x, status_atom_v).value();
    for (auto& m : status.models)
      if (m.model == id) return m;
    return {};
  }

  tier where(const service_actor& x, const std::string& id) { return model(x, id).tier; }

  void pin(const service_actor& x, const std::string& id, bool pinned = true) {
    (void)ask<void>(x, pin_atom_v, id, pinned);
  }

  memory_status memory() { return ask<memory_status>(governor, status_atom_v).value(); }
  device_memory host() { return device("host"); }
  device_memory device(const std::string& name) {
    for (auto& x : memory().devices)
      if (x.device == name) return x;
    return {};
  }

  /// What the kernel says from now on: of 100,000 bytes so many are in use, none of them by us.
  void kernel_says(std::uint64_t used, std::string name = "host") {
    caf::anon_send(governor, pressure_atom_v,
                   std::vector<device_reading>{{std::move(name), 100000, 100000 - used, used, 0}});
    settle();
  }
};

} // namespace vef::test
