#include <vef/nodes/door.hpp>

#include <vef/messages/version.hpp>
#include <vef/nodes/gates.hpp>

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <spdlog/spdlog.h>

#include <set>

namespace vef {

namespace {

using namespace std::chrono_literals;

// Its own message: time to look whether the peer is still there.
using session_self = extended<session_actor, void(watch_atom)>;

/// One peer, for as long as it lives and says so.
class session {
public:
  using interface = session_self;
  static inline const char* name = "vef.session";

  explicit session(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(cluster_inner_actor front, std::shared_ptr<session_books> books,
                                         session_gates gates, caf::strong_actor_ptr peer) {
    front_ = std::move(front);
    books_ = std::move(books);
    gates_ = std::move(gates);
    self_->set_exit_handler([this](caf::exit_msg& msg) { end(msg.reason); });
    self_->set_down_handler([this](caf::down_msg& msg) { end(msg.reason); });
    self_->monitor(caf::actor_cast<caf::actor>(peer));
    self_->monitor(front_);
    self_->delayed_send(self_, look_every, watch_atom_v);
    return {
        [this](event_atom op, node_report& x) { return self_->delegate(front_, op, std::move(x)); },
        [this](ping_atom op) {
          books_->on_sign_of_life(self_->clock().now());
          return self_->delegate(front_, op);
        },
        [this](watch_atom op) {
          if (books_->silent(self_->clock().now()))
            return end(to_caf(error{errc::unavailable, books_->whose() + " gives no sign of life"}));
          self_->delayed_send(self_, look_every, op);
        },
    };
  }

private:
  void end(const caf::error& reason) {
    spdlog::info("the session with {} ends: {}", books_->whose(), caf::to_string(reason));
    caf::anon_send_exit(gates_.front, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(gates_.governor, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(gates_.supervisor, caf::exit_reason::user_shutdown);
    gates_ = {};
    self_->quit();
  }

  static constexpr auto look_every = 1s;

  interface::pointer self_;
  cluster_inner_actor front_;
  std::shared_ptr<session_books> books_;
  session_gates gates_;
};

class door {
public:
  using interface = closed_door_actor;
  static inline const char* name = "vef.door";

  explicit door(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(peer_rules rules, std::shared_ptr<executor> readers) {
    rules_ = rules;
    readers_ = std::move(readers);
    self_->set_down_handler([this](caf::down_msg& msg) {
      if (front_.address() == msg.source) return end(msg.reason);
      sessions_.erase(msg.source);
    });
    self_->set_exit_handler([this](caf::exit_msg& msg) { end(msg.reason); });
    return {
        [this](hello_atom, const peer_version& x) { return version_for(x); },
        [this](hello_atom, session_hello& x) { return open(std::move(x)); },
        [this](start_atom, node_facts& who, const cluster_inner_actor& front, const supervisor_actor& root) {
          who_ = std::move(who);
          front_ = front;
          supervisor_ = root;
          self_->monitor(front_);
        },
    };
  }

private:
  peer_version version_for(const peer_version& x) const {
    if (x.protocol != protocol)
      spdlog::warn("a peer has version {} (protocol {}), this node {} (protocol {}): {} is too old",
                   x.version, x.protocol, version, protocol,
                   x.protocol < protocol ? "the peer" : "this node");
    return {.protocol = protocol, .version = std::string{version}};
  }

  caf::result<session_welcome> open(session_hello x) {
    if (!self_->current_sender()) return to_caf(error{errc::invalid_argument, "a session needs a peer"});
    if (!front_) return to_caf(error{errc::unavailable, "this node is only just starting"});
    if (auto refused = refusal(x.who)) return to_caf(refused);
    auto peer = self_->current_sender(); // the promise takes it away
    promise<session_welcome> reply{self_};
    if (x.who.name.empty() || !x.door) {
      begin(x.who, peer, reply);
      return reply;
    }
    // The front knows whether there is another one of that name.
    self_->request(front_, 5s, connected_atom_v, x.who, x.door)
        .then([this, who = x.who, peer, reply] { begin(who, peer, reply); },
              [reply](caf::error& why) mutable { reply.fail(std::move(why)); });
    return reply;
  }

  void begin(const node_facts& who, const caf::strong_actor_ptr& peer, promise<session_welcome> reply) {
    auto whose = who.name.empty() ? std::string{"a client"} : "node " + vef::quoted(who.name);
    auto books = std::make_shared<session_books>(whose, rules_, who_.read_only,
                                                 path_guard{who_.shared_folders}, self_->clock().now());
    auto gates = spawn_gates(self_->system(), books, readers_, front_, supervisor_);
    session_welcome out;
    out.who = who_;
    out.front = gates.front;
    out.governor = gates.governor;
    out.supervisor = gates.supervisor;
    out.session = spawn_state<session>(self_->system(), front_, std::move(books), std::move(gates), peer);
    self_->monitor(out.session);
    sessions_.insert(out.session.address());
    spdlog::info("a session with {} begins", whose);
    finish(std::move(out), std::move(reply));
  }

  error refusal(const node_facts& peer) const {
    if (peer.name == who_.name && peer.incarnation != who_.incarnation)
      return {errc::duplicate_name, "there are two nodes named " + vef::quoted(peer.name) + ": one at "
                                        + vef::quoted(peer.address) + " and this one, at "
                                        + vef::quoted(who_.address)};
    if (sessions_.size() >= most_sessions)
      return {errc::overloaded, "this node has " + std::to_string(most_sessions) + " peers already"};
    return {};
  }

  void finish(session_welcome out, promise<session_welcome> reply) {
    self_->request(front_, 5s, ping_atom_v)
        .then(
            [reply, out](std::vector<node_facts>& known) mutable {
              out.members = std::move(known);
              reply.deliver(std::move(out));
            },
            [reply](caf::error& why) mutable { reply.fail(std::move(why)); });
  }

  void end(const caf::error& reason) {
    for (const auto& x : sessions_)
      if (auto there = caf::actor_cast<caf::strong_actor_ptr>(x))
        caf::anon_send_exit(caf::actor_cast<caf::actor>(there), caf::exit_reason::user_shutdown);
    self_->quit(reason);
  }

  static constexpr std::size_t most_sessions = 1000;

  interface::pointer self_;
  peer_rules rules_;
  std::shared_ptr<executor> readers_;
  node_facts who_;
  cluster_inner_actor front_; // empty until the door is opened
  supervisor_actor supervisor_;
  std::set<caf::actor_addr> sessions_;
};

} // namespace

closed_door_actor spawn_door(caf::actor_system& system, peer_rules rules, std::shared_ptr<executor> readers) {
  return spawn_state<door>(system, rules, std::move(readers));
}

} // namespace vef
