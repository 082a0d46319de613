#pragma once

#include <vef/supervisor/courier.hpp>
#include <vef/supervisor/instance.hpp>
#include <vef/supervisor/runtime.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <thread>

namespace vef {

/// The actor system behind the facade.
struct runtime::core {
  struct config : caf::actor_system_config {
    config() {
      vef::add_message_types(*this);
      // The scheduler only passes messages on. One thread does: a second would be woken for every other
      // message, which takes longer than the message. "sharing" costs nothing while idle.
      set("scheduler.policy", caf::atom("sharing"));
      set("scheduler.max-threads", std::size_t{1});
    }
  };

  explicit core(const std::optional<process_options>& wanted) {
    if (wanted) processes = or_throw(make_processes(settings, *wanted));
    system = std::make_unique<caf::actor_system>(settings);
  }

  config settings;
  std::shared_ptr<process_host> processes; // its certificates are read at each connection
  std::unique_ptr<caf::actor_system> system;
  std::shared_ptr<open_futures> futures = std::make_shared<open_futures>();
  instance actors;
  courier_actor front;
  std::chrono::milliseconds shutdown_limit{};

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
    if (!actors.supervisor) return; // it never ran
    futures->wait(shutdown_limit);
    if (auto done = ask<void>(actors.supervisor, shutdown_limit + std::chrono::seconds{5}, shutdown_atom_v,
                              shutdown_limit);
        !done)
      spdlog::warn("the shutdown did not end cleanly: {}", done.error().what);
    caf::anon_send_exit(front, caf::exit_reason::user_shutdown);
    actors = {};
    front = nullptr;
    futures->fail_all({errc::shutting_down, "the runtime is gone"});
    for (auto end = std::chrono::steady_clock::now() + std::chrono::seconds{5};
         system->registry().running() > 0;) {
      if (std::chrono::steady_clock::now() > end) {
        spdlog::error("{} actors did not end; the actor system is left behind", system->registry().running());
        system.release(); // NOLINT: waiting for them could last for ever
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }
};

} // namespace vef
