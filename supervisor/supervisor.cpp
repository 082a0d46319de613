#include <vef/supervisor/supervisor_machine.hpp>

#include <vef/messages/suggest.hpp>
#include <vef/messages/version.hpp>
#include <vef/supervisor/node_health.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

using std::chrono::milliseconds;

supervisor_machine::interface::behavior_type supervisor_machine::make_behavior(supervisor_setup setup) {
  setup_ = std::move(setup);
  started_at_ = health_.since = wall_clock();
  for (auto care : {&registry_care_, &governor_care_, &monitor_care_})
    care->restarts = restart_policy{setup_.options.restart, seed()};
  roster_ = roster{seed()};
  if (setup_.processes) devices_->count_as_ours([host = setup_.processes] { return host->resident_bytes(); });
  registry_ = setup_.registry;
  governor_ = setup_.governor;
  setup_.memory.adopting = milliseconds{250}; // for successors of the governor
  self_->monitor(registry_);
  self_->monitor(governor_);
  spawn_monitor_again();
  self_->set_down_handler([this](caf::down_msg& msg) { on_down(msg); });
  self_->set_exit_handler([this](caf::exit_msg& msg) { end(msg.reason); });
  return {
      [this](create_atom, service_spec& spec) { return create(std::move(spec)); },
      [this](start_atom, const std::string& service) { return start_again(service, roster_.want(service)); },
      [this](stop_atom, const std::string& service) { return stop(service); },
      [this](reset_atom, const std::string& service) { return start_again(service, roster_.reset(service)); },
      [this](remove_atom, const std::string& service) { return remove(service); },
      [this](settle_atom) { return settle(); },
      [this](find_atom) {
        return node_actors{registry_, governor_};
      },
      [this](status_atom) { return status(); },
      [this](shutdown_atom, milliseconds limit) { return shutdown(limit); },
      [this](made_atom, const std::string& service, std::uint64_t life) { on_made(service, life); },
      [this](expire_atom, const std::string& service, std::uint64_t life) { on_start_late(service, life); },
      [this](check_atom, const std::string& service, std::uint64_t life) { check(service, life); },
      [this](watch_atom) { on_restart_time(); },
      [this](event_atom, const model_status& x) {
        auto it = children_.find(x.service);
        if (it == children_.end()) return;
        if (x.tier == tier::absent)
          it->second.loaded.erase(x.model);
        else
          it->second.loaded.insert(x.model);
      },
  };
}

// -- what is asked for --------------------------------------------------------------------------------------

caf::result<service_status> supervisor_machine::create(service_spec spec) {
  if (stopping_) return to_caf(refusal());
  auto service = spec.name;
  if (auto good = validate(spec.health, spec.health_check_interval); !good)
    return to_caf(error{errc::invalid_config, "service " + vef::quoted(service) + ": " + good.error().what});
  if (auto good = validate_capabilities(spec.required_capabilities); !good)
    return to_caf(error{errc::invalid_config, "service " + vef::quoted(service) + ": " + good.error().what});
  if (spec.isolation == isolation::process && !setup_.processes)
    return to_caf(error{errc::invalid_config, "service " + vef::quoted(service)
                                                  + " asks for a process of its own, and this node was made "
                                                    "without them: set runtime_options::processes"});
  auto starts = spec.auto_start;
  if (auto added = roster_.add(std::move(spec)); !added) return to_caf(added.error());
  auto& x = children_[service];
  x.status = {};
  publish(service);
  if (!starts) return x.status;
  promise<service_status> reply{self_};
  x.waiting.push_back(reply);
  advance();
  return reply;
}

// A stopped service is to start, or one that failed or waits for its restart is to try again.
caf::result<service_status> supervisor_machine::start_again(const std::string& service,
                                                            result<void> allowed) {
  if (stopping_) return to_caf(refusal());
  if (!allowed) return to_caf(allowed.error());
  promise<service_status> reply{self_};
  child_of(service).waiting.push_back(reply);
  for (const auto& one : roster_.names()) publish(one); // it may have pulled others in
  advance();
  return reply;
}

caf::result<supervisor_machine::reports> supervisor_machine::stop(const std::string& service) {
  if (auto good = roster_.can_stop(service); !good) return to_caf(good.error());
  promise<reports> reply{self_};
  roster_.stopping(service);
  drain(service, stop_limit, [reply](const reports& done) mutable { reply.deliver(done); });
  return reply;
}

caf::result<supervisor_machine::reports> supervisor_machine::remove(const std::string& service) {
  if (auto good = roster_.can_remove(service); !good) return to_caf(good.error());
  promise<reports> reply{self_};
  roster_.stopping(service);
  drain(service, stop_limit, [this, service, reply](const reports& done) mutable {
    if (auto gone = roster_.remove(service); !gone) return reply.fail(gone.error());
    children_.erase(service);
    self_->send(registry_, release_atom_v, service);
    reply.deliver(done);
  });
  return reply;
}

// -- status -------------------------------------------------------------------------------------------------

caf::result<node_status> supervisor_machine::status() {
  auto x = std::make_shared<node_status>();
  x->version = version;
  x->started_at = started_at_;
  x->backends = setup_.types->list();
  x->health = health_of_node();
  x->workers = worker_statuses();
  promise<node_status> reply{self_};
  self_->request(registry_, status_timeout, status_atom_v)
      .then(
          [this, x, reply](std::vector<service_status>& services) {
            x->services = std::move(services);
            add_memory(x, reply);
          },
          [this, x, reply](caf::error&) { // it is being started again
            for (const auto& [service, one] : children_) x->services.push_back(one.status);
            add_memory(x, reply);
          });
  return reply;
}

void supervisor_machine::add_memory(const std::shared_ptr<node_status>& x, promise<node_status> reply) {
  self_->request(governor_, status_timeout, status_atom_v)
      .then(
          [x, reply](memory_status& memory) mutable {
            x->memory = std::move(memory);
            reply.deliver(std::move(*x));
          },
          [x, reply](caf::error&) mutable { reply.deliver(std::move(*x)); });
}

std::vector<worker_status> supervisor_machine::worker_statuses() const {
  const auto& work = setup_.work;
  std::vector<worker_status> out;
  for (const auto& pool : {work.lanes, work.preparers, work.loaders, work.background, work.checkers})
    out.push_back(pool->status());
  return out;
}

health_report supervisor_machine::health_of_node() {
  health_facts facts{.most_stuck = setup_.options.most_stuck};
  for (const auto& [service, x] : children_) facts.services.emplace_back(service, x.status.health);
  facts.workers = worker_statuses();
  auto [state, reason] = judge_node(facts);
  for (auto [care, what] : {std::pair{&registry_care_, "registry"}, {&governor_care_, "memory governor"}}) {
    if (!care->back_at) continue;
    state = health::unhealthy;
    reason = "the " + std::string{what} + " is being started again: " + care->why.what;
  }
  if (state != health_.state) {
    health_.since = wall_clock();
    spdlog::log(ready(state) || state == health::starting ? spdlog::level::info : spdlog::level::err,
                "the node is {}{}", to_string(state), reason.empty() ? "" : ": " + reason);
  }
  health_.state = state;
  health_.reason = std::move(reason);
  return health_;
}

void supervisor_machine::set_health(child& x, health state, std::string reason) {
  if (x.status.health.state != state || x.status.health.since == timestamp{})
    x.status.health.since = wall_clock();
  x.status.health.state = state;
  x.status.health.reason = std::move(reason);
}

// Tells the registry of a service as it is now, and with it everybody who listens there.
void supervisor_machine::publish(const std::string& service) {
  auto entry = roster_.find(service);
  auto it = children_.find(service);
  if (!entry || it == children_.end()) return;
  auto& x = it->second;
  auto& s = x.status;
  if (s.state != entry->state || s.since == timestamp{}) s.since = wall_clock();
  s.name = service;
  s.backend = entry->spec.backend;
  s.spec = entry->spec;
  s.state = entry->state;
  s.reason = entry->state == service_state::waiting ? roster_.blocked_by(service) : entry->reason;
  s.restarts = entry->restarts.restarts();
  s.needed_by = roster_.dependants_of(service);
  s.next_start = {};
  if (s.state == service_state::restarting)
    s.next_start = wall_clock() + std::chrono::duration_cast<timestamp::duration>(entry->next_start - now());
  switch (s.state) {
  case service_state::waiting:
    roster_.failed_need(service) ? set_health(x, health::unhealthy, s.reason.what)
                                 : set_health(x, health::starting, s.reason.what);
    break;
  case service_state::starting: set_health(x, health::starting, {}); break;
  case service_state::restarting: set_health(x, health::unhealthy, s.reason.what); break;
  case service_state::failed: set_health(x, health::failed, s.reason.what); break;
  case service_state::stopping:
  case service_state::stopped: set_health(x, health::stopped, {}); break;
  case service_state::running: set_health(x, x.judged.state, x.judged.reason); break;
  }
  if (s.state == service_state::running) tell_of_dependencies(x);
  if (x.handle && (s.state == service_state::running || s.state == service_state::stopping))
    self_->send(registry_, put_atom_v, s, x.handle);
  else
    self_->send(registry_, put_atom_v, s);
  health_of_node();
}

// A service whose dependency is down may still serve, but not as it should.
void supervisor_machine::tell_of_dependencies(child& x) {
  for (const auto& need : x.status.spec.dependencies) {
    auto it = roster_.find(need);
    if (!it || it->state == service_state::running || x.status.health.state != health::healthy) continue;
    set_health(x, health::degraded,
               "it needs service " + vef::quoted(need) + ", which is " + std::string{to_string(it->state)});
  }
}

void supervisor_machine::publish_with_dependants(const std::string& service) {
  publish(service);
  for (const auto& user : roster_.dependants_of(service)) publish(user);
}

supervisor_actor spawn_supervisor(caf::actor_system& system, supervisor_setup setup) {
  return spawn_state<supervisor_machine>(system, std::move(setup));
}

} // namespace vef
