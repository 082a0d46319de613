#include <vef/actors/registry.hpp>

#include <vef/actors/gather.hpp>
#include <vef/messages/suggest.hpp>

#include <caf/stateful_actor.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

namespace vef {

namespace {

using std::chrono::milliseconds;

// Its own messages: the time of a request that may be replayed is up; it is time to try it again.
using registry_self =
    extended<registry_actor, void(expire_atom, std::uint64_t), void(watch_atom, std::uint64_t)>;

class registry_machine {
public:
  using interface = registry_self;
  static inline const char* name = "vef.registry";

  explicit registry_machine(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(std::shared_ptr<const backend_types> types) {
    types_ = std::move(types);
    self_->set_down_handler([this](caf::down_msg& msg) {
      std::erase_if(listeners_, [&](const listener_actor& x) { return x.address() == msg.source; });
      on_service_died(msg);
    });
    return {
        [this](embed_atom, embed_request& request) { return embed(std::move(request)); },
        [this](load_atom op, const std::string& service, const std::string& model) {
          return load(op, service, model);
        },
        [this](unload_atom, const unload_request& x) { return unload(x); },
        [this](models_atom) { return models(); },
        [this](backends_atom) { return types_->list(); },
        [this](find_atom, const std::string& service) { return to_caf(find(service)); },
        [this](status_atom) { return status(); },
        [this](subscribe_atom, const listener_actor& listener) { subscribe(listener); },
        [this](put_atom, service_status& status, const service_actor& handle) {
          put(std::move(status), handle);
        },
        [this](put_atom, service_status& status) { put(std::move(status), {}); },
        [this](release_atom, const std::string& service) { release(service); },
        [this](drain_atom) { draining_ = true; },
        [this](expire_atom, std::uint64_t id) { expire(id); },
        [this](watch_atom, std::uint64_t id) {
          if (auto it = replays_.find(id); it != replays_.end()) attempt(id, it->second);
        },
    };
  }

private:
  struct entry {
    service_status status;
    service_actor handle; // empty unless it runs
  };

  // -- routing ----------------------------------------------------------------------------------------------

  caf::result<embed_reply> embed(embed_request request) {
    if (draining_) return to_caf(error{errc::shutting_down, "the node is being stopped"});
    if (request.replay == vef::replay::when_back) return embed_twice_if_need_be(std::move(request));
    auto target = target_of(request.service, request.model);
    if (!target) return to_caf(target.error());
    return self_->delegate(*target, embed_atom_v, std::move(request));
  }

  caf::result<model_status> load(load_atom op, const std::string& service, const std::string& model) {
    if (draining_) return to_caf(error{errc::shutting_down, "the node is being stopped"});
    auto target = target_of(service, model);
    if (!target) return to_caf(target.error());
    return self_->delegate(*target, op, model);
  }

  // Of services that do not run nothing is in memory.
  caf::result<std::vector<unload_report>> unload(const unload_request& x) {
    if (!x.service.empty())
      if (auto known = find(x.service); !known) return to_caf(known.error());
    std::vector<service_actor> targets;
    for (const auto& s : services_)
      if (s.handle && (x.service.empty() || x.service == s.status.name) && offers(s, x.model))
        targets.push_back(s.handle);
    if (targets.empty() && !x.model.empty()) {
      if (auto known = by_model(x.model); !known) return to_caf(known.error());
      return to_caf(
          error{errc::unknown_model, "service " + quoted(x.service) + " does not offer " + quoted(x.model)});
    }
    promise<std::vector<unload_report>> reply{self_};
    auto all = std::make_shared<gathering<unload_report>>(reply, targets.size());
    for (std::size_t i = 0; i < targets.size(); ++i)
      self_->request(targets[i], unload_timeout, unload_atom_v, x.model, x.mode)
          .then([all, i](std::vector<unload_report>& done) { all->put(i, std::move(done)); },
                [all, i, x](caf::error& why) {
                  all->put(i, {{.service = x.service, .model = x.model, .outcome = from_caf(why)}});
                });
    return reply;
  }

  static bool offers(const entry& x, const std::string& model) {
    return model.empty()
           || std::ranges::any_of(x.status.catalog, [&](const model_info& m) { return m.id == model; });
  }

  result<service_actor> target_of(const std::string& service, const std::string& model) const {
    return service.empty() ? by_model(model) : find(service);
  }

  result<service_actor> find(const std::string& service) const {
    auto it = std::ranges::find(services_, service, [](const entry& x) { return x.status.name; });
    if (it == services_.end()) return fail(errc::unknown_service, unknown("service", service, names()));
    if (it->handle) return it->handle;
    return fail(not_running(*it));
  }

  static error not_running(const entry& x) {
    auto text = "service " + quoted(x.status.name) + " is " + std::string{to_string(x.status.state)};
    if (x.status.reason) text += ": " + x.status.reason.what;
    return {errc::unavailable, text};
  }

  // The first service that offers the model; for no model, the first service that offers any.
  result<service_actor> by_model(const std::string& model) const {
    std::vector<std::string> ids;
    const entry* idle = nullptr; // a service that might offer it if it ran
    for (const auto& x : services_) {
      if (!x.handle) {
        idle = &x;
        continue;
      }
      for (const auto& info : x.status.catalog) {
        if (model.empty() || info.id == model) return x.handle;
        ids.push_back(info.id);
      }
    }
    if (idle) return fail(not_running(*idle));
    // Right after the start the services that will be there are not known yet.
    if (ids.empty()) return fail(errc::unavailable, "no service with a model is running");
    return fail(errc::unknown_model, unknown("model", model, ids));
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& x : services_) out.push_back(x.status.name);
    return out;
  }

  // -- requests that are replayed if their service dies -----------------------------------------------------

  struct replay {
    embed_request request;
    promise<embed_reply> reply;
    caf::actor_clock::time_point deadline;
    bool failed_once = false;
    bool waiting = false; // for a service
  };

  caf::result<embed_reply> embed_twice_if_need_be(embed_request request) {
    auto allowed = request.time_allowed.value_or(time_allowed);
    auto id = next_replay_++;
    auto& x = replays_[id];
    x.request = std::move(request);
    x.reply = promise<embed_reply>{self_};
    x.deadline = self_->clock().now() + allowed;
    self_->delayed_send(self_, allowed, expire_atom_v, id);
    auto reply = x.reply;
    attempt(id, x);
    return reply;
  }

  void attempt(std::uint64_t id, replay& x) {
    auto target = target_of(x.request.service, x.request.model);
    x.waiting = !target && target.error().code == errc::unavailable && comes_back(x.request.service);
    if (x.waiting) return;
    if (!target) return finish(id, target.error());
    auto request = x.request; // paths or shared bytes: the pictures are not copied
    request.time_allowed = std::chrono::duration_cast<milliseconds>(x.deadline - self_->clock().now());
    self_->request(*target, caf::infinite, embed_atom_v, std::move(request))
        .then(
            [this, id](embed_reply& reply) {
              if (auto done = replays_.extract(id)) done.mapped().reply.deliver(std::move(reply));
            },
            [this, id](caf::error& why) { on_attempt_failed(id, from_caf(why)); });
  }

  void on_attempt_failed(std::uint64_t id, const error& why) {
    auto it = replays_.find(id);
    if (it == replays_.end()) return;
    if (why.code != errc::unavailable || std::exchange(it->second.failed_once, true)) return finish(id, why);
    spdlog::info("a request is done once more: {}", why.what);
    // Not at once: that its service has died is still on its way here.
    self_->delayed_send(self_, replay_pause, watch_atom_v, id);
  }

  void finish(std::uint64_t id, const error& why) {
    if (auto done = replays_.extract(id)) done.mapped().reply.fail(why);
  }

  void expire(std::uint64_t id) {
    auto it = replays_.find(id);
    if (it == replays_.end() || !it->second.waiting) return; // else the model answers at the deadline
    finish(id, {errc::deadline_exceeded, "no service was there for it in time"});
  }

  // Whether a service that could take a request is on its way; of a certain name, if one is given.
  bool comes_back(const std::string& service) const {
    return std::ranges::any_of(services_, [&](const entry& x) {
      auto on_its_way = x.status.state == service_state::waiting || x.status.state == service_state::starting
                        || x.status.state == service_state::restarting;
      return on_its_way && (service.empty() || service == x.status.name);
    });
  }

  void attempt_waiting() {
    std::vector<std::uint64_t> ids;
    for (const auto& [id, x] : replays_)
      if (x.waiting) ids.push_back(id);
    for (auto id : ids)
      if (auto it = replays_.find(id); it != replays_.end()) attempt(id, it->second);
  }

  // -- listing ----------------------------------------------------------------------------------------------

  std::vector<catalog_entry> models() const {
    std::vector<catalog_entry> out;
    for (const auto& x : services_)
      if (x.handle)
        for (const auto& info : x.status.catalog)
          out.push_back({x.status.name, info, info.id == x.status.default_model});
    return out;
  }

  caf::result<std::vector<service_status>> status() {
    promise<std::vector<service_status>> reply{self_};
    auto all = std::make_shared<gathering<service_status>>(reply, services_.size());
    for (std::size_t i = 0; i < services_.size(); ++i) {
      auto known = services_[i].status;
      if (!services_[i].handle) {
        all->put(i, {std::move(known)});
        continue;
      }
      self_->request(services_[i].handle, status_timeout, status_atom_v)
          .then(
              [all, i, known](service_status& now) mutable {
                known.models = std::move(now.models);
                all->put(i, {std::move(known)});
              },
              [all, i, known](caf::error& why) mutable {
                known.reason = from_caf(why);
                all->put(i, {std::move(known)});
              });
    }
    return reply;
  }

  // -- changes ----------------------------------------------------------------------------------------------

  // The supervisor says so too, but until then nothing should be sent to it.
  void on_service_died(const caf::down_msg& msg) {
    for (auto& x : services_) {
      if (!x.handle || x.handle.address() != msg.source) continue;
      x.handle = nullptr;
      x.status.state = service_state::restarting;
      x.status.reason = from_caf(msg.reason);
    }
  }

  void put(service_status status, const service_actor& handle) {
    auto it = std::ranges::find(services_, status.name, [](const entry& x) { return x.status.name; });
    if (it == services_.end()) it = services_.insert(services_.end(), entry{});
    if (handle && handle != it->handle) self_->monitor(handle);
    *it = {std::move(status), handle};
    tell(it->status);
    attempt_waiting();
  }

  void release(const std::string& service) {
    auto it = std::ranges::find(services_, service, [](const entry& x) { return x.status.name; });
    if (it == services_.end()) return;
    auto last = std::move(it->status);
    services_.erase(it);
    last.state = service_state::stopped;
    tell(last);
    attempt_waiting();
  }

  void subscribe(const listener_actor& listener) {
    self_->monitor(listener);
    listeners_.push_back(listener);
    for (const auto& x : services_) self_->send(listener, event_atom_v, registry_event{x.status});
  }

  void tell(const service_status& status) {
    for (const auto& listener : listeners_) self_->send(listener, event_atom_v, registry_event{status});
  }

  static constexpr milliseconds status_timeout{3000};
  static constexpr milliseconds unload_timeout = std::chrono::minutes{10};
  static constexpr milliseconds replay_pause{20};
  static constexpr milliseconds time_allowed = std::chrono::minutes{10};

  interface::pointer self_;
  std::shared_ptr<const backend_types> types_;
  std::vector<entry> services_; // in the order in which they came
  std::vector<listener_actor> listeners_;
  std::map<std::uint64_t, replay> replays_;
  std::uint64_t next_replay_ = 1;
  bool draining_ = false;
};

} // namespace

registry_actor spawn_registry(caf::actor_system& system, std::shared_ptr<const backend_types> types) {
  return spawn_state<registry_machine>(system, std::move(types));
}

} // namespace vef
