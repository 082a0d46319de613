// A client of a cluster: the same actors' interfaces as for an instance of one's own, and the work is done by
// whichever node is best for it. Any node of the cluster will do to get in; the pictures may lie on this
// machine alone.
#include <vef/nodes/address.hpp>
#include <vef/nodes/network.hpp>
#include <vef/nodes/node.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <cstdio>

namespace {

int refuse(const vef::error& why) {
  std::fprintf(stderr, "%s\n", vef::describe(why).c_str());
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: %s HOST:PORT PICTURE...\n", argv[0]), 2;
  auto address = vef::parse_address(argv[1]);
  if (!address) return refuse(address.error());

  caf::actor_system_config config;
  vef::add_message_types(config);
  if (auto certificates = vef::prepare_network(config); !certificates) return refuse(certificates.error());
  caf::actor_system system{config};
  auto vef = vef::connect(system, address->host, address->port);
  if (!vef) return refuse(vef.error());

  vef::embed_request request{.images = {argv + 2, argv + argc}};
  request.replay = vef::replay::when_back; // whatever node has it and dies: it is done elsewhere
  auto status = 0;
  {
    caf::scoped_actor self{system};
    self->request(vef->registry, std::chrono::minutes{1}, vef::embed_atom_v, request)
        .receive(
            [&](const vef::embed_reply& reply) {
              for (std::size_t i = 0; i < reply.outcomes.size(); ++i)
                std::printf("%s: %s\n", request.images[i].name.c_str(),
                            reply.outcomes[i] ? vef::describe(reply.outcomes[i]).c_str()
                                              : (std::to_string(reply.vectors.dim()) + " numbers").c_str());
            },
            [&](const caf::error& why) { status = refuse(vef::from_caf(why)); });
  }
  caf::anon_send(vef->supervisor, vef::shutdown_atom_v,
                 std::chrono::milliseconds{1000}); // ends the connection
  return status;
}
