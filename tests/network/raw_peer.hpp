#pragma once

#include <vef/messages/interfaces.hpp>
#include <vef/messages/version.hpp>
#include <vef/nodes/remote.hpp>
#include <vef/supervisor/runtime_host.hpp>

#include <caf/io/middleman.hpp>
#include <caf/openssl/remote_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <memory>

namespace vef::test {

/// A peer that does by hand what programs leave to `connect`, and so can do it badly.
class raw_peer {
public:
  raw_peer(const std::string& node, const std::filesystem::path& tls) {
    or_throw(prepare_network(config_, {tls, tls.empty()}));
    system_ = std::make_unique<caf::actor_system>(config_);
    self_ = std::make_unique<caf::scoped_actor>(*system_);
    auto to = parse_address(node).value();
    auto there = reach(to, !tls.empty());
    // CAF's heartbeat takes a handshake that is under way when it ticks for a silent connection.
    for (int i = 0; i < 20 && !there && there.error() == caf::sec::connection_timeout; ++i)
      there = reach(to, !tls.empty());
    if (!there) throw std::runtime_error(from_caf(there.error()).what);
    door = *there;
  }

  ~raw_peer() { self_.reset(); }

  caf::scoped_actor& self() { return *self_; }
  caf::actor_system& system() { return *system_; }

  /// Opens a session, which is this peer's for as long as it lives.
  session_welcome enter(node_facts who = {}) {
    return or_throw(ask<session_welcome>(door, hello_atom_v, session_hello{std::move(who), {}}));
  }

  template <class T, class Handle, class... Ts> result<T> ask(const Handle& whom, Ts&&... message) {
    result<T> out = fail(errc::internal, "no answer");
    auto failed = [&](caf::error& why) { out = fail(from_caf(why)); };
    if constexpr (std::is_void_v<T>)
      self()
          ->request(whom, std::chrono::seconds{30}, std::forward<Ts>(message)...)
          .receive([&] { out = {}; }, failed);
    else
      self()
          ->request(whom, std::chrono::seconds{30}, std::forward<Ts>(message)...)
          .receive([&](T& x) { out = std::move(x); }, failed);
    return out;
  }

  door_actor door;

private:
  caf::expected<door_actor> reach(const node_address& to, bool secure) {
    return secure ? caf::openssl::remote_actor<door_actor>(*system_, to.host, to.port)
                  : system_->middleman().remote_actor<door_actor>(to.host, to.port);
  }

  runtime_host::config_type config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<caf::scoped_actor> self_;
};

} // namespace vef::test
