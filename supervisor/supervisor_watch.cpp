#include <vef/supervisor/supervisor_machine.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

using std::chrono::milliseconds;

// -- health -------------------------------------------------------------------------------------------------

void supervisor_machine::arm_check(const std::string& service) {
  auto interval = roster_.find(service)->spec.health_check_interval;
  if (interval.count() > 0)
    self_->delayed_send(self_, interval, check_atom_v, service, child_of(service).life);
}

void supervisor_machine::check(const std::string& service, std::uint64_t life) {
  auto it = children_.find(service);
  if (it == children_.end() || it->second.life != life) return;
  auto entry = roster_.find(service);
  if (entry->state != service_state::running) return;
  arm_check(service);
  auto& x = it->second;
  if (std::exchange(x.checking, true)) return; // the deadline is longer than the interval
  const auto& rules = entry->spec.health;
  auto ended = [this, service, life]() -> child* {
    auto found = children_.find(service);
    if (found == children_.end() || found->second.life != life || !found->second.watch) return nullptr;
    found->second.checking = false;
    return &found->second;
  };
  // Ahead of requests: a long queue at the service is no reason to miss a check.
  self_
      ->request<caf::message_priority::high>(x.handle, rules.deadline, check_atom_v,
                                             check_request{rules.canary, rules.deadline})
      .then(
          [this, service, ended](const check_report& report) {
            auto one = ended();
            if (!one) return;
            one->status.checked_at = wall_clock();
            if (report.has_new_catalog) {
              one->status.catalog = report.catalog;
              one->status.default_model = report.catalog.empty() ? std::string{} : report.catalog.front().id;
            }
            on_verdict(service, one->watch->answered(report));
          },
          [this, service, ended](caf::error& why) {
            auto one = ended();
            if (one) on_verdict(service, one->watch->missed(from_caf(why)));
          });
}

void supervisor_machine::on_verdict(const std::string& service, const health_state::verdict& verdict) {
  auto entry = roster_.find(service);
  if (!entry || entry->state != service_state::running) return;
  auto& x = child_of(service);
  if (verdict.state != x.judged.state)
    spdlog::log(verdict.state == health::healthy ? spdlog::level::info : spdlog::level::warn,
                "service {} is {}{}", service, to_string(verdict.state),
                verdict.reason.empty() ? "" : ": " + verdict.reason);
  x.judged = verdict;
  x.status.missed_checks = x.watch->misses();
  if (verdict.restart) return abandon(service, *verdict.restart);
  publish(service);
}

// -- deaths -------------------------------------------------------------------------------------------------

// Ends the actor of a service, if there is one, without hearing of its death.
void supervisor_machine::let_go(child& x, caf::exit_reason how) {
  auto handle = std::exchange(x.handle, nullptr);
  if (!handle) return;
  self_->demonitor(handle.address());
  self_->send_exit(handle, how);
}

// Ends a service that does not do its work. It may not even notice, if it is stuck: nobody waits for it.
void supervisor_machine::abandon(const std::string& service, const error& why) {
  let_go(child_of(service), caf::exit_reason::kill);
  lost(service, why);
}

void supervisor_machine::lost(const std::string& service, const error& why) {
  auto& x = child_of(service);
  x.handle = nullptr;
  x.watch.reset();
  x.status.pid = 0;
  x.status.last_failure = why;
  ++x.life;
  auto loss = roster_.died(service, why, now());
  spdlog::error("service {} died: {}; {}", service, why.what,
                loss.given_up ? "it died too often and stays down until it is reset"
                              : "it is started again in " + std::to_string(loss.pause.count()) + " ms");
  publish_with_dependants(service);
  for (const auto& user : loss.to_stop) {
    spdlog::warn("service {} is stopped, and starts again when {} runs", user, service);
    drain(user, stop_limit, {});
  }
  advance();
}

void supervisor_machine::on_down(const caf::down_msg& msg) {
  auto why = from_caf(msg.reason);
  if (registry_ && registry_.address() == msg.source) return lose(registry_care_, "registry", why);
  if (governor_ && governor_.address() == msg.source) return lose(governor_care_, "memory governor", why);
  if (monitor_ && monitor_.address() == msg.source) return lose(monitor_care_, "memory monitor", why);
  auto it = std::ranges::find_if(
      children_, [&](const auto& x) { return x.second.handle && x.second.handle.address() == msg.source; });
  if (it == children_.end()) return;
  auto service = it->first;
  auto state = roster_.find(service)->state;
  if (state == service_state::running) return lost(service, why);
  it->second.handle = nullptr;
  if (state == service_state::starting)
    on_start_failed(service, why); // a process that died before it was there
  // One that is being drained is missed by whoever drains it.
}

// -- those that serve all -----------------------------------------------------------------------------------

void supervisor_machine::lose(attendant& x, const char* what, const error& why) {
  if (stopping_) return;
  auto pause = x.restarts.died(now()).value_or(setup_.options.restart.longest_pause);
  x.back_at = now() + pause;
  x.why = why;
  spdlog::critical("the {} died: {}; it is started again in {} ms", what, why.what, pause.count());
  arm_restarts();
}

// Timers can't be cancelled: one is pending for the nearest time, and a nearer one adds another.
void supervisor_machine::arm_restarts() {
  auto next = roster_.next_due();
  for (auto care : {&registry_care_, &governor_care_, &monitor_care_})
    if (care->back_at && (!next || *care->back_at < *next)) next = care->back_at;
  if (!next || (armed_for_ && *armed_for_ <= *next)) return;
  armed_for_ = *next;
  self_->delayed_send(self_, std::max(caf::actor_clock::duration_type{0}, *next - now()), watch_atom_v);
}

void supervisor_machine::on_restart_time() {
  armed_for_.reset();
  if (stopping_) {
    if (now() >= deadline_ + overtime) end({}); // whatever still is under way
    return;
  }
  if (is_back(registry_care_)) spawn_registry_again();
  if (is_back(governor_care_)) spawn_governor_again();
  if (is_back(monitor_care_)) spawn_monitor_again();
  for (const auto& service : roster_.due(now())) publish(service);
  advance();
}

bool supervisor_machine::is_back(attendant& x) {
  if (!x.back_at || now() < *x.back_at) return false;
  x.back_at.reset();
  return true;
}

void supervisor_machine::spawn_registry_again() {
  registry_ = spawn_registry(self_->system(), setup_.types);
  self_->monitor(registry_);
  for (const auto& service : roster_.names()) publish(service);
}

// The successor hears of the devices, and then of all models that are in memory, before it grants anything.
void supervisor_machine::spawn_governor_again() {
  governor_ = spawn_governor(self_->system(), setup_.memory, setup_.work.background);
  self_->monitor(governor_);
  tell_devices();
  auto handle = caf::actor_cast<caf::strong_actor_ptr>(governor_);
  for (const auto& [service, x] : children_)
    if (x.handle) self_->send(x.handle, put_atom_v, handle);
  if (auto old = std::exchange(monitor_, nullptr)) {
    self_->demonitor(old.address());
    self_->send_exit(old, caf::exit_reason::user_shutdown);
  }
  spawn_monitor_again();
}

void supervisor_machine::spawn_monitor_again() {
  if (setup_.monitor.interval.count() <= 0) return;
  monitor_ =
      spawn_memory_monitor(self_->system(), {setup_.monitor, governor_, setup_.work.background, devices_});
  self_->monitor(monitor_);
}

void supervisor_machine::tell_devices() {
  for (const auto& [service, x] : children_)
    if (!x.devices.empty()) self_->send(governor_, pressure_atom_v, x.devices);
}

} // namespace vef
