#include <vef/nodes/node.hpp>

#include <vef/nodes/cluster.hpp>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace vef {

namespace {

using namespace std::chrono_literals;

// Its own message: who stands for the rest of the node here.
using remote_supervisor_self =
    extended<stand_in_actor<supervisor_actor>, void(start_atom, cluster_actor, governor_actor)>;

/// Stands for a node's supervisor. What is asked about handles it answers with those on this side, and a
/// shutdown ends this side.
class remote_supervisor {
public:
  using interface = remote_supervisor_self;
  static inline const char* name = "vef.remote-supervisor";

  explicit remote_supervisor(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior() {
    there_ = spawn_state<stand_in<supervisor_actor>>(self_->system(), supervisor_actor{}, false);
    self_->set_exit_handler([this](caf::exit_msg& msg) { end(msg.reason); });
    return relay_all<stand_in_actor<supervisor_actor>>(
        this, [this](start_atom, const cluster_actor& front, const governor_actor& governor) {
          front_ = front;
          governor_ = governor;
        });
  }

  template <class Out, class Atom, class... In> caf::result<Out> pass(Atom& op, In&... message) {
    if constexpr (std::same_as<Atom, find_atom>)
      return node_actors{front_, governor_};
    else if constexpr (std::same_as<Atom, shutdown_atom>)
      return shut_down();
    else
      return self_->delegate(there_, op, std::move(message)...);
  }

private:
  caf::result<void> shut_down() {
    end(caf::exit_reason::user_shutdown);
    return caf::unit;
  }

  void end(const caf::error& reason) {
    caf::anon_send_exit(front_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(governor_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(there_, caf::exit_reason::user_shutdown);
    front_ = nullptr;
    governor_ = nullptr;
    there_ = nullptr;
    self_->quit(reason);
  }

  interface::pointer self_;
  stand_in_actor<supervisor_actor> there_;
  cluster_actor front_;
  governor_actor governor_;
};

result<void> wait_for(caf::actor_system& system, const cluster_inner_actor& front,
                      std::chrono::milliseconds limit, const std::string& where) {
  result<void> out;
  caf::scoped_actor self{system};
  self->request(front, limit, settle_atom_v)
      .receive([] {},
               [&](caf::error& why) {
                 auto problem = from_caf(why);
                 if (problem.code == errc::deadline_exceeded)
                   problem = {errc::unreachable, "no connection to " + where + " within "
                                                     + std::to_string(limit.count()) + " ms"};
                 out = fail(problem);
               });
  return out;
}

} // namespace

std::filesystem::path certificates_in(const caf::actor_system_config& config); // node.cpp

result<instance> connect(caf::actor_system& system, std::vector<node_address> nodes,
                         std::chrono::milliseconds limit) {
  if (nodes.empty()) return fail(errc::invalid_argument, "there is no node to connect to: name at least one");
  std::string where;
  for (const auto& x : nodes) where += (where.empty() ? "" : ", ") + to_string(x);
  auto root = spawn_state<remote_supervisor>(system);
  auto governor = spawn_state<stand_in<governor_actor>>(system, governor_actor{}, false);
  node_options options;
  options.join = std::move(nodes);
  auto front = spawn_cluster(system, {.who = {},
                                      .options = std::move(options),
                                      .certificates = certificates_in(system.config()),
                                      .supervisor = {},
                                      .background = make_link_workers(),
                                      .readers = std::make_shared<worker_pool>("node-files", 4u, 4u, 1s),
                                      .remote_governor = governor,
                                      .remote_supervisor = root});
  caf::anon_send(root, start_atom_v, cluster_actor{front}, governor_actor{governor});
  caf::anon_send(front, start_atom_v, door_actor{});
  if (auto there = wait_for(system, front, limit, where); !there) {
    caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
    return fail(there.error());
  }
  return instance{.supervisor = root, .registry = front, .governor = governor};
}

result<instance> connect(caf::actor_system& system, const std::string& host, std::uint16_t port) {
  return connect(system, std::vector<node_address>{{host, port}});
}

} // namespace vef
