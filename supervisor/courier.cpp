#include <vef/supervisor/courier.hpp>

#include <caf/stateful_actor.hpp>

namespace vef {

namespace {

class courier {
public:
  using interface = courier_actor;
  static inline const char* name = "vef.courier";

  explicit courier(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(registry_actor registry, std::shared_ptr<open_futures> futures) {
    self_->delayed_send(self_, sweep, expire_atom_v);
    return {
        [this, registry, futures](embed_atom op, std::uint64_t ticket, embed_request& request) {
          // Without a timeout of its own, which would wake the thread of the clock each time: the model
          // answers at the request's deadline, and the sweep below fails what nobody answers.
          self_->request(registry, caf::infinite, op, std::move(request))
              .then([futures, ticket](embed_reply& reply) { futures->succeed(ticket, std::move(reply)); },
                    [futures, ticket](caf::error& why) { futures->fail(ticket, from_caf(why)); });
        },
        [this, futures](expire_atom op) {
          futures->expire(open_futures::clock::now());
          self_->delayed_send(self_, sweep, op);
        },
    };
  }

private:
  static constexpr std::chrono::milliseconds sweep{5000};

  interface::pointer self_;
};

} // namespace

courier_actor spawn_courier(caf::actor_system& system, registry_actor registry,
                            std::shared_ptr<open_futures> futures) {
  return spawn_state<courier>(system, std::move(registry), std::move(futures));
}

} // namespace vef
