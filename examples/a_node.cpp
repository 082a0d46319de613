// A networked node: a CAF application whose services others use from other machines. On this machine alone it
// needs no certificates of yours; see README.md, "Nodes", for more machines. Ends when its standard input
// does.
#include <vef/nodes/network.hpp>
#include <vef/nodes/node.hpp>
#include <vef/supervisor/builtin.hpp>
#include <vef/supervisor/instance.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <cstdio>
#include <iostream>
#include <string>

namespace {

/// An actor of the application's own, told of every service of the node.
vef::listener_actor::behavior_type doorkeeper(vef::listener_actor::pointer) {
  return {[](vef::event_atom, const vef::registry_event& x) {
    std::fprintf(stderr, "service %s is %s\n", x.service.name.c_str(),
                 std::string{vef::to_string(x.service.state)}.c_str());
  }};
}

int refuse(const vef::error& why) {
  std::fprintf(stderr, "%s\n", vef::describe(why).c_str());
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  caf::actor_system_config config;
  vef::add_message_types(config);
  if (auto certificates = vef::prepare_network(config); !certificates) return refuse(certificates.error());
  caf::actor_system system{config};

  auto vef = vef::spawn(system, {.types = vef::builtin_backends(), .services = {{.name = "descriptors"}}});
  if (!vef) return refuse(vef.error());
  auto listener = system.spawn(doorkeeper);
  caf::anon_send(vef->registry, vef::subscribe_atom_v, listener);

  vef::node_options options{.name = "example"};
  options.listen.port = argc > 1 ? static_cast<std::uint16_t>(std::stoul(argv[1])) : 0; // 0: any
  auto node = vef::serve(system, *vef, options);
  if (!node) return refuse(node.error());
  std::printf("node %s listens at %s\n", node->facts.name.c_str(), node->facts.address.c_str());
  std::fflush(stdout);

  for (std::string line; std::getline(std::cin, line);) {
  }
  caf::anon_send_exit(listener, caf::exit_reason::user_shutdown);
  caf::anon_send(vef->supervisor, vef::shutdown_atom_v, std::chrono::milliseconds{5000});
}
