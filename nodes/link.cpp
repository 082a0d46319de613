#include <vef/nodes/link.hpp>

#include <vef/actors/restart_policy.hpp>
#include <vef/actors/tell.hpp>
#include <vef/messages/version.hpp>
#include <vef/nodes/reach.hpp>

#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>
#include <caf/stateful_actor.hpp>

namespace vef {

namespace {

using namespace std::chrono_literals;

using attempt_id = std::uint64_t;

// Its own messages: there is somebody at the address, or why not; time to try again; time to look whether the
// other side answers.
using link_self = extended<link_actor, void(checked_atom, attempt_id, error), void(start_atom, attempt_id),
                           void(watch_atom, attempt_id)>;

class link_machine {
public:
  using interface = link_self;
  static inline const char* name = "vef.link";

  explicit link_machine(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(link_setup setup) {
    setup_ = std::move(setup);
    pauses_.emplace(setup_.reconnect);
    self_->set_down_handler([this](caf::down_msg& msg) { on_down(msg); });
    self_->set_exit_handler([this](caf::exit_msg& msg) { self_->quit(msg.reason); });
    self_->monitor(setup_.owner);
    reach_out();
    return {
        [this](hello_atom, const door_actor& door) { use(door); },
        [this](checked_atom, attempt_id id, const error& problem) {
          if (id == attempt_) problem ? failed(problem) : connect();
        },
        [this](start_atom, attempt_id id) {
          if (id == attempt_) reach_out();
        },
        [this](watch_atom, attempt_id id) {
          if (id == attempt_) look();
        },
    };
  }

private:
  // Every answer to an attempt that is no longer the latest is void.
  attempt_id begin() {
    if (session_) self_->demonitor(session_.address());
    session_ = nullptr;
    cut_off_ = 0;
    return ++attempt_;
  }

  // CAF's own attempt has no limit, keeps all others waiting meanwhile, and does not say why it failed: so we
  // look first whether anybody is there, and who.
  void reach_out() {
    auto id = begin();
    auto me = caf::actor_cast<caf::weak_actor_ptr>(self_);
    auto job = [me, id, to = setup_.address, tls = setup_.tls](unsigned) {
      auto there = reach(to, tls, reach_limit);
      tell<interface>(me, checked_atom_v, id, there ? error{} : there.error());
    };
    if (setup_.background->submit(std::move(job)) == 0)
      failed({errc::shutting_down, "no thread is left to connect with"});
  }

  void connect() {
    auto& system = self_->system();
    auto network =
        setup_.tls.empty() ? system.middleman().actor_handle() : system.openssl_manager().actor_handle();
    self_->request(network, connect_limit, caf::connect_atom_v, setup_.address.host, setup_.address.port)
        .then(
            [this, id = attempt_](caf::node_id&, caf::strong_actor_ptr& door, std::set<std::string>&) {
              if (id != attempt_) return;
              if (!door) return failed({errc::unreachable, where() + " is no node of vef"});
              greet(caf::actor_cast<door_actor>(door));
            },
            [this, id = attempt_](caf::error& why) {
              if (id != attempt_) return;
              // CAF's heartbeat takes a handshake that is under way when it ticks for a silent connection.
              if (why == caf::sec::connection_timeout && ++cut_off_ <= most_cut_off) return connect();
              failed({errc::unreachable, "no connection to " + where() + ": " + from_caf(why).what});
            });
  }

  void use(const door_actor& door) {
    if (session_) return; // there is a connection
    begin();
    greet(door);
  }

  void greet(const door_actor& door) {
    auto failing = [this, id = attempt_](caf::error& why) {
      if (id == attempt_) failed(from_caf(why));
    };
    peer_version mine{.protocol = protocol, .version = std::string{version}};
    self_->request(door, hello_limit, hello_atom_v, mine)
        .then(
            [this, id = attempt_, door, failing](const peer_version& theirs) {
              if (id != attempt_) return;
              if (theirs.protocol != protocol) return failed(too_old(theirs));
              self_->request(door, hello_limit, hello_atom_v, setup_.hello)
                  .then(
                      [this, id](session_welcome& x) {
                        if (id == attempt_) on_welcome(std::move(x));
                      },
                      failing);
            },
            failing);
  }

  error too_old(const peer_version& theirs) const {
    auto older = theirs.protocol < protocol;
    return {errc::incompatible_version, where() + " has version " + theirs.version + " (protocol "
                                            + std::to_string(theirs.protocol) + "), this program "
                                            + std::string{version} + " (protocol " + std::to_string(protocol)
                                            + "): " + (older ? "that node" : "this program") + " is too old"};
  }

  void on_welcome(session_welcome x) {
    session_ = x.session;
    self_->monitor(session_);
    up_since_ = self_->clock().now();
    self_->delayed_send(self_, look_every, watch_atom_v, attempt_);
    self_->send(setup_.owner, connected_atom_v, setup_.id, std::move(x));
  }

  // A frozen process answers nothing and closes nothing.
  void look() {
    self_->request(session_, look_limit, ping_atom_v)
        .then(
            [this, id = attempt_](std::vector<node_facts>& known) {
              if (id != attempt_) return;
              if (self_->clock().now() - up_since_ > setup_.reconnect.longest_pause) pauses_->reset();
              self_->send(setup_.owner, nodes_atom_v, setup_.id, std::move(known));
              self_->delayed_send(self_, look_every, watch_atom_v, id);
            },
            [this, id = attempt_](caf::error& why) {
              if (id != attempt_) return;
              auto x = from_caf(why);
              if (x.code == errc::deadline_exceeded)
                x = {errc::unavailable,
                     where() + " has not answered for " + std::to_string(look_limit.count()) + " s"};
              failed(x);
            });
  }

  void on_down(const caf::down_msg& msg) {
    if (setup_.owner.address() == msg.source) return self_->quit(msg.reason);
    if (session_ && session_.address() == msg.source)
      failed({errc::unavailable, "the connection to " + where() + " is lost"
                                     + (msg.reason ? ": " + from_caf(msg.reason).what : std::string{})});
  }

  void failed(const error& why) {
    auto id = begin();
    self_->send(setup_.owner, lost_atom_v, setup_.id, why);
    auto pause = pauses_->died(self_->clock().now()).value_or(setup_.reconnect.longest_pause);
    self_->delayed_send(self_, pause, start_atom_v, id);
  }

  std::string where() const { return to_string(setup_.address); }

  static constexpr auto reach_limit = 3000ms;
  static constexpr auto connect_limit = 10s;
  static constexpr auto hello_limit = 5s;
  static constexpr auto look_every = 1s;
  static constexpr std::chrono::seconds look_limit{3};
  static constexpr unsigned most_cut_off = 3;

  interface::pointer self_;
  link_setup setup_;
  std::optional<restart_policy> pauses_;
  attempt_id attempt_ = 0;
  unsigned cut_off_ = 0;  // handshakes of this attempt
  session_actor session_; // empty unless it is up
  caf::actor_clock::time_point up_since_{};
};

} // namespace

link_actor spawn_link(caf::actor_system& system, link_setup setup) {
  return spawn_state<link_machine>(system, std::move(setup));
}

} // namespace vef
