#pragma once

#include <vef/supervisor/courier.hpp>
#include <vef/supervisor/instance.hpp>
#include <vef/supervisor/runtime_host.hpp>

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

namespace vef {

/// What the facade has of its actor system.
struct runtime::core {
  explicit core(runtime_host_ptr x)
      : host(std::move(x))
      , system(host->system.get())
      , actors(host->actors)
      , front(spawn_courier(*system, actors, futures)) {}

  runtime_host_ptr host;
  caf::actor_system* system;
  std::shared_ptr<open_futures> futures = std::make_shared<open_futures>();
  instance actors;
  courier_actor front;

  /// Asks an actor from a thread that is none, and waits for at most `limit`.
  template <class T, class Handle, class... Ts>
  result<T> ask(const Handle& whom, std::chrono::milliseconds limit, Ts&&... message) {
    result<T> out = vef::fail(errc::internal, "no answer");
    caf::scoped_actor self{*system};
    auto failed = [&](caf::error& why) { out = vef::fail(from_caf(why)); };
    if constexpr (std::is_void_v<T>)
      self->request(whom, limit, std::forward<Ts>(message)...).receive([&] { out = {}; }, failed);
    else
      self->request(whom, limit, std::forward<Ts>(message)...)
          .receive([&](T& x) { out = std::move(x); }, failed);
    return out;
  }

  /// The registry and the governor as they are now: those of the start may have died and been replaced.
  result<node_actors> actors_now() {
    return ask<node_actors>(actors.supervisor, std::chrono::seconds{10}, find_atom_v);
  }

  template <class T, class... Ts> result<T> ask_registry(std::chrono::milliseconds limit, Ts&&... message) {
    auto now = actors_now();
    if (!now) return vef::fail(now.error());
    return ask<T>(now->registry, limit, std::forward<Ts>(message)...);
  }

  template <class T, class... Ts> result<T> ask_governor(std::chrono::milliseconds limit, Ts&&... message) {
    auto now = actors_now();
    if (!now) return vef::fail(now.error());
    return ask<T>(now->governor, limit, std::forward<Ts>(message)...);
  }

  result<service_actor> find(const std::string& name) {
    return ask_registry<service_actor>(std::chrono::seconds{10}, find_atom_v, name);
  }

  ~core() {
    futures->wait(host->shutdown_limit);
    caf::anon_send_exit(front, caf::exit_reason::user_shutdown);
    actors = {};
    front = nullptr;
    host->end();
    futures->fail_all({errc::shutting_down, "the runtime is gone"});
  }
};

} // namespace vef
