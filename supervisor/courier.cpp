#include <vef/supervisor/courier.hpp>

#include <caf/stateful_actor.hpp>

#include <deque>

namespace vef {

namespace {

class courier {
public:
  using interface = courier_actor;
  static inline const char* name = "vef.courier";

  explicit courier(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(instance actors, std::shared_ptr<open_futures> futures) {
    supervisor_ = std::move(actors.supervisor);
    futures_ = std::move(futures);
    take(std::move(actors.registry));
    self_->set_down_handler([this](caf::down_msg&) {
      registry_ = nullptr;
      look_for_registry();
    });
    self_->delayed_send(self_, sweep, expire_atom_v);
    return {
        [this](embed_atom, std::uint64_t ticket, embed_request& request) {
          if (registry_)
            carry(ticket, std::move(request));
          else
            held_.emplace_back(ticket, std::move(request)); // bounded: the sweep fails what nobody answers
        },
        [this](expire_atom op) {
          futures_->expire(open_futures::clock::now());
          self_->delayed_send(self_, sweep, op);
        },
        [this](find_atom) { look_for_registry(); },
    };
  }

private:
  void carry(std::uint64_t ticket, embed_request request) {
    // Without a timeout of its own, which would wake the thread of the clock each time: the model answers at
    // the request's deadline, and the sweep fails what nobody answers.
    self_->request(registry_, caf::infinite, embed_atom_v, std::move(request))
        .then([this, ticket](embed_reply& reply) { futures_->succeed(ticket, std::move(reply)); },
              [this, ticket](caf::error& why) { futures_->fail(ticket, from_caf(why)); });
  }

  void take(registry_actor registry) {
    registry_ = std::move(registry);
    last_ = registry_.address();
    self_->monitor(registry_);
    for (auto& [ticket, request] : std::exchange(held_, {})) carry(ticket, std::move(request));
  }

  void look_for_registry() {
    self_->request(supervisor_, answer_limit, find_atom_v)
        .then(
            [this](node_actors& x) {
              if (x.registry && x.registry.address() != last_)
                take(std::move(x.registry));
              else
                self_->delayed_send(self_, pause, find_atom_v); // it is still the dead one
            },
            [this](caf::error& why) { fail_held(from_caf(why)); });
  }

  // The supervisor is gone, and with it everything.
  void fail_held(const error& why) {
    for (auto& [ticket, request] : std::exchange(held_, {})) futures_->fail(ticket, why);
  }

  static constexpr std::chrono::milliseconds sweep{5000};
  static constexpr std::chrono::milliseconds answer_limit{5000};
  static constexpr std::chrono::milliseconds pause{20};

  interface::pointer self_;
  supervisor_actor supervisor_;
  registry_actor registry_; // empty while there is none
  caf::actor_addr last_;
  std::shared_ptr<open_futures> futures_;
  std::deque<std::pair<std::uint64_t, embed_request>> held_;
};

} // namespace

courier_actor spawn_courier(caf::actor_system& system, instance actors,
                            std::shared_ptr<open_futures> futures) {
  return spawn_state<courier>(system, std::move(actors), std::move(futures));
}

} // namespace vef
