#include <vef/actors/registry.hpp>

#include <vef/actors/gather.hpp>
#include <vef/messages/suggest.hpp>

#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

namespace {

class registry_machine {
public:
  using interface = registry_actor;
  static inline const char* name = "vef.registry";

  explicit registry_machine(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(std::shared_ptr<const backend_types> types) {
    types_ = std::move(types);
    self_->set_down_handler([this](caf::down_msg& msg) {
      std::erase_if(listeners_, [&](const listener_actor& x) { return x.address() == msg.source; });
    });
    return {
        [this](embed_atom, embed_request& request) { return embed(std::move(request)); },
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
    };
  }

private:
  struct entry {
    service_status status;
    service_actor handle; // empty unless it runs
  };

  // -- routing ----------------------------------------------------------------------------------------------

  caf::result<embed_reply> embed(embed_request request) {
    auto target = request.service.empty() ? by_model(request.model) : find(request.service);
    if (!target) return to_caf(target.error());
    return self_->delegate(*target, embed_atom_v, std::move(request));
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
    auto reply = self_->make_response_promise<std::vector<service_status>>();
    auto all = std::make_shared<gathering<service_status>>(reply, services_.size());
    for (std::size_t i = 0; i < services_.size(); ++i) {
      auto known = services_[i].status;
      if (!services_[i].handle) {
        all->put(i, {std::move(known)});
        continue;
      }
      self_->request(services_[i].handle, status_timeout, status_atom_v)
          .then(
              [all, i, since = known.since](service_status& now) {
                now.since = since;
                all->put(i, {std::move(now)});
              },
              [all, i, known](caf::error& why) mutable {
                known.reason = from_caf(why);
                all->put(i, {std::move(known)});
              });
    }
    return reply;
  }

  // -- changes ----------------------------------------------------------------------------------------------

  void put(service_status status, const service_actor& handle) {
    auto it = std::ranges::find(services_, status.name, [](const entry& x) { return x.status.name; });
    if (it == services_.end()) it = services_.insert(services_.end(), entry{});
    *it = {std::move(status), handle};
    tell(it->status);
  }

  void release(const std::string& service) {
    auto it = std::ranges::find(services_, service, [](const entry& x) { return x.status.name; });
    if (it == services_.end()) return;
    auto last = std::move(it->status);
    services_.erase(it);
    last.state = service_state::stopped;
    tell(last);
  }

  void subscribe(const listener_actor& listener) {
    self_->monitor(listener);
    listeners_.push_back(listener);
    for (const auto& x : services_) self_->send(listener, event_atom_v, registry_event{x.status});
  }

  void tell(const service_status& status) {
    for (const auto& listener : listeners_) self_->send(listener, event_atom_v, registry_event{status});
  }

  static constexpr std::chrono::milliseconds status_timeout{3000};

  interface::pointer self_;
  std::shared_ptr<const backend_types> types_;
  std::vector<entry> services_; // in the order in which they came
  std::vector<listener_actor> listeners_;
};

} // namespace

registry_actor spawn_registry(caf::actor_system& system, std::shared_ptr<const backend_types> types) {
  return spawn_state<registry_machine>(system, std::move(types));
}

} // namespace vef
