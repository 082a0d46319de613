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
  actor_fixture() { control->catalog = {fake_model("a"), fake_model("b"), fake_model("c")}; }

  std::shared_ptr<fake_control> control = std::make_shared<fake_control>();
  model_options options;
  governor_actor governor = ending(spawn_governor(system(), {.capacity = {{"host", 10000}}}));

  service_actor make_service(std::uint32_t max_loaded_models = 0, std::string name = "s") {
    service_spec spec{.name = std::move(name), .backend = "fake"};
    spec.max_loaded_models = max_loaded_models;
    return ending(spawn_service(system(), {spec, std::make_shared<fake_backend>(control), control->catalog,
                                           work, governor, options}));
  }

  static embed_request request(std::vector<image> images, std::string model = "") {
    return {.model = std::move(model), .images = std::move(images)};
  }

  result<embed_reply> embed(const service_actor& x, std::vector<image> images, std::string model = "") {
    return ask<embed_reply>(x, embed_atom_v, request(std::move(images), std::move(model)));
  }

  model_status model(const service_actor& x, const std::string& id) {
    auto status = ask<service_status>(x, status_atom_v).value();
    for (auto& m : status.models)
      if (m.model == id) return m;
    return {};
  }

  device_memory host() { return ask<std::vector<device_memory>>(governor, status_atom_v)->at(0); }
};

} // namespace vef::test
