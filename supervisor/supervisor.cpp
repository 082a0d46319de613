#include <vef/supervisor/supervisor.hpp>

#include <vef/actors/clock.hpp>
#include <vef/backends/guard.hpp>
#include <vef/messages/suggest.hpp>
#include <vef/messages/version.hpp>
#include <vef/supervisor/start_order.hpp>

#include <caf/stateful_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <list>

namespace vef {

namespace {

using std::chrono::milliseconds;

using supervisor_self = extended<supervisor_actor, void(made_atom, std::string)>;

/// Makes a backend and asks for its catalog, away from the scheduler.
struct make_job {
  std::shared_ptr<const backend_types> types;
  service_spec spec;
  result<std::shared_ptr<backend>> source;
  std::vector<model_info> catalog;
  std::vector<device_reading> devices;

  void run() {
    source = guarded(errc::load_failed, "cannot start service " + vef::quoted(spec.name),
                     [this]() -> result<std::shared_ptr<backend>> {
                       auto made = types->make(spec.backend, spec.settings);
                       if (!made) return fail(made.error());
                       catalog = (*made)->catalog();
                       devices = (*made)->devices();
                       if (auto good = validate(catalog); !good) return fail(good.error());
                       return std::shared_ptr<backend>{std::move(*made)};
                     });
  }
};

class supervisor_machine {
public:
  using interface = supervisor_self;
  static inline const char* name = "vef.supervisor";

  explicit supervisor_machine(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(supervisor_setup setup) {
    setup_ = std::move(setup);
    started_at_ = wall_clock();
    self_->set_down_handler([this](caf::down_msg& msg) { on_down(msg); });
    self_->set_exit_handler([this](caf::exit_msg& msg) { end(msg.reason); });
    return {
        [this](create_atom, service_spec& spec) { return create(std::move(spec)); },
        [this](stop_atom, const std::string& service) { return stop(service); },
        [this](status_atom) { return status(); },
        [this](shutdown_atom, milliseconds limit) { return shutdown(limit); },
        [this](made_atom, const std::string& service) { on_made(service); },
    };
  }

private:
  struct child {
    service_spec spec;
    service_status status;
    service_actor handle;
    std::shared_ptr<make_job> making;
    std::vector<caf::typed_response_promise<service_status>> waiting; // for the start
  };

  // -- starting ---------------------------------------------------------------------------------------------

  caf::result<service_status> create(service_spec spec) {
    if (stopping_) return to_caf(error{errc::shutting_down, "the node is being stopped"});
    if (spec.name.empty()) return to_caf(error{errc::invalid_argument, "a service needs a name"});
    if (spec.backend.empty()) spec.backend = spec.name;
    auto specs = all_specs();
    specs.push_back(spec);
    if (auto order = start_order(specs); !order) return to_caf(order.error());

    auto reply = self_->make_response_promise<service_status>();
    auto& added = children_.emplace_back();
    added.spec = std::move(spec);
    added.status.name = added.spec.name;
    added.status.backend = added.spec.backend;
    added.waiting.push_back(reply);
    set_state(added, service_state::waiting);
    start_what_can();
    return reply;
  }

  // Starts every service whose dependencies run: side by side, since none of these needs another.
  void start_what_can() {
    for (auto& x : children_) {
      if (x.status.state != service_state::waiting) continue;
      auto ready = std::ranges::all_of(x.spec.dependencies, [this](const std::string& need) {
        auto found = find(need);
        return found && found->status.state == service_state::running;
      });
      if (ready) start(x);
    }
  }

  void start(child& x) {
    set_state(x, service_state::starting);
    x.making = std::make_shared<make_job>();
    x.making->types = setup_.types;
    x.making->spec = x.spec;
    setup_.work.loaders->submit([job = x.making, self = caf::actor_cast<interface>(self_)](unsigned) {
      job->run();
      caf::anon_send(self, made_atom_v, job->spec.name);
    });
  }

  void on_made(const std::string& service) {
    auto x = find(service);
    if (!x || !x->making) return; // stopped in the meantime
    auto job = std::exchange(x->making, nullptr);
    if (!job->source) return on_start_failed(*x, job->source.error());
    // The governor hears of the devices before anybody can ask it for their memory.
    if (!job->devices.empty()) self_->send(setup_.governor, pressure_atom_v, job->devices);
    if (setup_.devices) setup_.devices->add(*job->source);
    x->handle = spawn_service(self_->system(), {x->spec, std::move(*job->source), job->catalog, setup_.work,
                                                setup_.governor, setup_.models, setup_.idle});
    self_->monitor(x->handle);
    started_.push_back(service);
    x->status.catalog = job->catalog;
    x->status.default_model = job->catalog.empty() ? std::string{} : job->catalog.front().id;
    set_state(*x, service_state::running);
    spdlog::info("service {} runs on backend {} with {} models", service, x->spec.backend,
                 job->catalog.size());
    for (auto& reply : std::exchange(x->waiting, {})) reply.deliver(x->status);
    start_what_can();
  }

  // A service that never ran is forgotten, so that it can be created again once the cause is mended.
  void on_start_failed(child& x, const error& why) {
    // Whoever asked for it is told; what was given at the start has nobody to tell but the log.
    auto asked = std::ranges::any_of(x.waiting, [](auto& reply) { return reply.pending(); });
    spdlog::log(asked ? spdlog::level::info : spdlog::level::err, "service {} did not start: {}", x.spec.name,
                describe(why));
    set_state(x, service_state::failed, why);
    auto failed = x.spec.name;
    for (auto& reply : std::exchange(x.waiting, {})) reply.deliver(to_caf(why));
    forget(failed);
    for (const auto& dependant : dependants_of(failed))
      if (auto y = find(dependant); y && y->status.state == service_state::waiting)
        on_start_failed(
            *y, {errc::unavailable, "it needs service " + vef::quoted(failed) + ", which did not start"});
  }

  // -- stopping ---------------------------------------------------------------------------------------------

  caf::result<std::vector<unload_report>> stop(const std::string& service) {
    auto x = find(service);
    if (!x) return to_caf(error{errc::unknown_service, unknown("service", service, names())});
    if (auto users = dependants_of(service); !users.empty())
      return to_caf(error{errc::in_use,
                          "service " + vef::quoted(service) + " is needed by " + vef::quoted(users.front())});
    if (!x->handle) {
      for (auto& waiting : std::exchange(x->waiting, {}))
        waiting.deliver(
            to_caf(error{errc::cancelled, "service " + vef::quoted(service) + " was stopped before it ran"}));
      forget(service);
      return std::vector<unload_report>{};
    }
    auto reply = self_->make_response_promise<std::vector<unload_report>>();
    drain(*x, stop_limit, [this, service, reply](std::vector<unload_report> reports) mutable {
      forget(service);
      reply.deliver(std::move(reports));
    });
    return reply;
  }

  // Lets a service finish what it has, then ends its actor.
  template <class Then> void drain(child& x, milliseconds limit, Then then) {
    set_state(x, service_state::stopping);
    auto handle = std::exchange(x.handle, nullptr);
    std::erase(started_, x.spec.name);
    auto finish = [this, handle, then](std::vector<unload_report> reports) mutable {
      self_->demonitor(handle.address());
      self_->send_exit(handle, caf::exit_reason::user_shutdown);
      then(std::move(reports));
    };
    // The service keeps the limit; a little more lets its own answer arrive.
    self_->request(handle, limit + milliseconds{500}, drain_atom_v, limit)
        .then([finish](std::vector<unload_report>& reports) mutable { finish(std::move(reports)); },
              [finish, name = x.spec.name](caf::error& why) mutable {
                spdlog::warn("service {} did not drain: {}", name, from_caf(why).what);
                finish({});
              });
  }

  caf::result<void> shutdown(milliseconds limit) {
    auto reply = self_->make_response_promise<void>();
    shutdown_replies_.push_back(reply);
    if (std::exchange(stopping_, true)) return reply;
    deadline_ = self_->clock().now() + limit;
    for (auto& x : children_)
      for (auto& waiting : std::exchange(x.waiting, {}))
        waiting.deliver(to_caf(error{errc::shutting_down, "the node is being stopped"}));
    stop_last();
    return reply;
  }

  // One at a time, the last started first: whoever is needed goes after whoever needs it.
  void stop_last() {
    if (started_.empty()) return end({});
    auto left = std::chrono::duration_cast<milliseconds>(deadline_ - self_->clock().now());
    drain(*find(started_.back()), std::max(left, milliseconds{0}),
          [this](std::vector<unload_report>) { stop_last(); });
  }

  void end(const caf::error& reason) {
    for (auto& reply : std::exchange(shutdown_replies_, {})) deliver_done(reply);
    for (auto& x : children_)
      if (x.handle) self_->send_exit(x.handle, caf::exit_reason::user_shutdown);
    self_->send_exit(setup_.registry, caf::exit_reason::user_shutdown);
    self_->send_exit(setup_.governor, caf::exit_reason::user_shutdown);
    if (setup_.monitor) self_->send_exit(setup_.monitor, caf::exit_reason::user_shutdown);
    self_->quit(reason);
  }

  // -- watching ---------------------------------------------------------------------------------------------

  void on_down(const caf::down_msg& msg) {
    for (auto& x : children_) {
      if (!x.handle || x.handle.address() != msg.source) continue;
      x.handle = nullptr;
      std::erase(started_, x.spec.name);
      auto why = from_caf(msg.reason);
      spdlog::error("service {} died: {}", x.spec.name, why.what);
      set_state(x, service_state::failed, why);
      return;
    }
  }

  caf::result<node_status> status() {
    auto x = std::make_shared<node_status>();
    x->version = version;
    x->started_at = started_at_;
    x->backends = setup_.types->list();
    auto reply = self_->make_response_promise<node_status>();
    self_->request(setup_.registry, status_timeout, status_atom_v)
        .then(
            [this, x, reply](std::vector<service_status>& services) {
              x->services = std::move(services);
              add_memory(x, reply);
            },
            [reply](caf::error& why) mutable { reply.deliver(std::move(why)); });
    return reply;
  }

  void add_memory(const std::shared_ptr<node_status>& x, caf::typed_response_promise<node_status> reply) {
    self_->request(setup_.governor, status_timeout, status_atom_v)
        .then(
            [x, reply](memory_status& memory) mutable {
              x->memory = std::move(memory);
              reply.deliver(std::move(*x));
            },
            [reply](caf::error& why) mutable { reply.deliver(std::move(why)); });
  }

  // -- small things -----------------------------------------------------------------------------------------

  child* find(const std::string& service) {
    auto it = std::ranges::find(children_, service, [](const child& x) { return x.spec.name; });
    return it == children_.end() ? nullptr : &*it;
  }

  std::vector<service_spec> all_specs() const {
    std::vector<service_spec> out;
    for (const auto& x : children_) out.push_back(x.spec);
    return out;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& x : children_) out.push_back(x.spec.name);
    return out;
  }

  std::vector<std::string> dependants_of(const std::string& service) const {
    std::vector<std::string> out;
    for (const auto& x : children_)
      if (std::ranges::find(x.spec.dependencies, service) != x.spec.dependencies.end())
        out.push_back(x.spec.name);
    return out;
  }

  void set_state(child& x, service_state state, error reason = {}) {
    x.status.state = state;
    x.status.reason = std::move(reason);
    x.status.since = wall_clock();
    if (x.handle && state == service_state::running)
      self_->send(setup_.registry, put_atom_v, x.status, x.handle);
    else
      self_->send(setup_.registry, put_atom_v, x.status);
  }

  void forget(const std::string& service) {
    std::erase_if(children_, [&](const child& x) { return x.spec.name == service; });
    self_->send(setup_.registry, release_atom_v, service);
  }

  static constexpr milliseconds status_timeout{5000};
  static constexpr milliseconds stop_limit{60000};

  interface::pointer self_;
  supervisor_setup setup_;
  timestamp started_at_;
  std::list<child> children_;        // a list: replies refer to its members while others come and go
  std::vector<std::string> started_; // in the order of their starts
  std::vector<caf::typed_response_promise<void>> shutdown_replies_;
  caf::actor_clock::time_point deadline_;
  bool stopping_ = false;
};

} // namespace

supervisor_actor spawn_supervisor(caf::actor_system& system, supervisor_setup setup) {
  return spawn_state<supervisor_machine>(system, std::move(setup));
}

} // namespace vef
