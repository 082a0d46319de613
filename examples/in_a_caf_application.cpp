// vef inside a CAF application: one line for its config, one call for its actors, then messages.
#include <vef/supervisor/builtin.hpp>
#include <vef/supervisor/instance.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

#include <cstdio>

namespace {

void client(caf::event_based_actor* self, vef::instance vef, std::vector<vef::image> images) {
  auto fail = [=](const caf::error& why) {
    std::printf("%s\n", vef::describe(vef::from_caf(why)).c_str());
    self->send(vef.supervisor, vef::shutdown_atom_v, std::chrono::milliseconds{5000});
  };
  self->request(vef.supervisor, std::chrono::seconds{10}, vef::create_atom_v,
                vef::service_spec{.name = "descriptors"})
      .then(
          [=](const vef::service_status&) {
            self->request(vef.registry, std::chrono::seconds{30}, vef::embed_atom_v,
                          vef::embed_request{.images = images})
                .then(
                    [=](const vef::embed_reply& reply) {
                      for (const auto& outcome : reply.outcomes)
                        std::printf("%s: %s\n", reply.model.c_str(),
                                    std::string{vef::to_string(outcome.code)}.c_str());
                      self->send(vef.supervisor, vef::shutdown_atom_v, std::chrono::milliseconds{5000});
                    },
                    fail);
          },
          fail);
}

} // namespace

int main(int argc, char** argv) {
  caf::actor_system_config config;
  vef::add_message_types(config);
  caf::actor_system system{config};

  auto vef = vef::spawn(system, {.types = vef::builtin_backends()});
  if (!vef) return std::puts(vef::describe(vef.error()).c_str()), 1;
  system.spawn(client, *vef, std::vector<vef::image>{argv + 1, argv + argc});
}
