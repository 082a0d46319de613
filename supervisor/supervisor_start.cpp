#include <vef/supervisor/supervisor_machine.hpp>

#include <vef/actors/tell.hpp>
#include <vef/backends/guard.hpp>

#include <spdlog/spdlog.h>

namespace vef {

void make_job::run() {
  auto what = "cannot start service " + vef::quoted(spec.name);
  capable = guarded(errc::missing_capability, what,
                    [this] { return check_capabilities(spec.required_capabilities, capabilities); });
  if (!capable) {
    capable.error().what = what + ": " + capable.error().what;
    return;
  }
  if (spec.isolation == isolation::process) return; // made where it runs
  source = guarded(errc::load_failed, what, [this]() -> result<std::shared_ptr<backend>> {
    auto made = types->make(spec.backend, spec.settings);
    if (!made) return fail(made.error());
    catalog = (*made)->catalog();
    devices = (*made)->devices();
    if (auto good = validate(catalog); !good) return fail(good.error());
    return std::shared_ptr<backend>{std::move(*made)};
  });
}

// Starts every service whose needs run: side by side, since none of these needs another.
void supervisor_machine::advance() {
  if (stopping_) return;
  for (const auto& service : roster_.startable()) start(service);
  fail_blocked();
  tell_settled();
  arm_restarts();
}

void supervisor_machine::start(const std::string& service) {
  roster_.starting(service);
  auto& x = child_of(service);
  auto life = ++x.life;
  x.status.default_model = {};
  x.status.catalog.clear();
  x.making = std::make_shared<make_job>();
  x.making->types = setup_.types;
  x.making->capabilities = setup_.capabilities;
  x.making->spec = roster_.find(service)->spec;
  publish(service);
  self_->delayed_send(self_, setup_.options.start_limit, expire_atom_v, service, life);
  auto me = caf::actor_cast<caf::weak_actor_ptr>(self_);
  x.making_number = setup_.work.loaders->submit([job = x.making, me, life](unsigned) {
    job->run();
    tell<interface>(me, made_atom_v, job->spec.name, life);
  });
}

void supervisor_machine::on_made(const std::string& service, std::uint64_t life) {
  auto it = children_.find(service);
  if (it == children_.end() || it->second.life != life || !it->second.making) return; // stopped meanwhile
  auto& x = it->second;
  auto job = std::exchange(x.making, nullptr);
  if (!job->capable) return on_start_failed(service, job->capable.error());
  if (job->spec.isolation == isolation::process) return start_process(service);
  if (!job->source) return on_start_failed(service, job->source.error());
  // The governor hears of the devices before anybody can ask it for their memory.
  x.devices = std::move(job->devices);
  if (!x.devices.empty()) self_->send(governor_, pressure_atom_v, x.devices);
  devices_->add(*job->source);
  x.status.catalog = job->catalog;
  service_setup made{job->spec,
                     std::move(*job->source),
                     std::move(job->catalog),
                     setup_.work,
                     governor_,
                     setup_.models,
                     setup_.idle,
                     caf::actor_cast<model_listener_actor>(self_)};
  x.handle = spawn_service(self_->system(), std::move(made));
  self_->monitor(x.handle);
  on_runs(service, x.status.catalog.empty() ? std::string{} : x.status.catalog.front().id);
}

void supervisor_machine::start_process(const std::string& service) {
  auto& x = child_of(service);
  auto life = x.life;
  x.handle = setup_.processes->spawn(self_->system(), {roster_.find(service)->spec, governor_,
                                                       caf::actor_cast<model_listener_actor>(self_),
                                                       setup_.models, setup_.idle, setup_.work.loaders});
  self_->monitor(x.handle);
  auto current = [this, service, life] {
    auto it = children_.find(service);
    auto entry = roster_.find(service);
    return it != children_.end() && it->second.life == life && entry->state == service_state::starting;
  };
  self_->request(x.handle, caf::infinite, status_atom_v)
      .then(
          [this, service, current](const service_status& there) {
            if (!current()) return;
            auto& s = child_of(service).status;
            s.catalog = there.catalog;
            s.pid = there.pid;
            on_runs(service, there.default_model);
          },
          [this, service, current](caf::error& why) {
            if (!current()) return;
            let_go(child_of(service), caf::exit_reason::kill);
            on_start_failed(service, from_caf(why));
          });
}

void supervisor_machine::on_runs(const std::string& service, const std::string& default_model) {
  auto& x = child_of(service);
  roster_.running(service);
  const auto& spec = roster_.find(service)->spec;
  x.status.default_model = default_model;
  x.status.missed_checks = 0;
  x.watch.emplace(spec.health);
  x.watch->started();
  x.judged = {};
  x.checking = false;
  publish_with_dependants(service);
  spdlog::info("service {} runs on backend {} with {} models", service, spec.backend,
               x.status.catalog.size());
  for (auto& reply : std::exchange(x.waiting, {})) reply.deliver(x.status);
  arm_check(service);
  load_again(service);
  advance();
}

// What was in memory when the service died comes back without anybody asking for it, if the spec says so.
void supervisor_machine::load_again(const std::string& service) {
  auto& x = child_of(service);
  auto before = std::exchange(x.loaded, {});
  if (!roster_.find(service)->spec.restart.warm) return;
  for (const auto& id : before)
    self_->request(x.handle, caf::infinite, load_atom_v, id)
        .then([](const model_status&) {},
              [service, id](caf::error& why) {
                spdlog::warn("{}/{} does not come back: {}", service, id, from_caf(why).what);
              });
}

void supervisor_machine::on_start_late(const std::string& service, std::uint64_t life) {
  auto it = children_.find(service);
  if (it == children_.end() || it->second.life != life) return;
  if (roster_.find(service)->state != service_state::starting) return;
  auto& x = it->second;
  if (x.making) setup_.work.loaders->retire(x.making_number);
  x.making = nullptr;
  let_go(x, caf::exit_reason::kill);
  auto limit = std::to_string(setup_.options.start_limit.count() / 1000) + " s";
  on_start_failed(service, {errc::deadline_exceeded,
                            "service " + vef::quoted(service) + " did not start within " + limit});
}

void supervisor_machine::on_start_failed(const std::string& service, const error& why) {
  auto& x = child_of(service);
  x.status.last_failure = why;
  ++x.life;
  // Whoever asked for it is told; what was given at the start has nobody to tell but the log.
  auto asked = std::ranges::any_of(x.waiting, [](auto& reply) { return reply.pending(); });
  auto loss = roster_.start_failed(service, why, now());
  spdlog::log(asked && loss.given_up ? spdlog::level::info : spdlog::level::err,
              "service {} did not start: {}{}", service, describe(why),
              loss.given_up ? "" : "; again in " + std::to_string(loss.pause.count()) + " ms");
  publish_with_dependants(service);
  if (loss.given_up) tell_waiting(x, why);
  advance();
}

caf::result<void> supervisor_machine::settle() {
  promise<void> reply{self_};
  waiting_for_all_.push_back(reply);
  tell_settled();
  return reply;
}

void supervisor_machine::tell_settled() {
  if (waiting_for_all_.empty()) return;
  for (const auto& x : roster_.entries()) {
    if (x.state == service_state::starting || x.state == service_state::restarting
        || x.state == service_state::stopping)
      return;
    if (x.state == service_state::waiting && !roster_.failed_need(x.spec.name)) return;
  }
  for (auto& reply : std::exchange(waiting_for_all_, {})) reply.deliver();
}

void supervisor_machine::tell_waiting(child& x, const error& why) {
  for (auto& reply : std::exchange(x.waiting, {})) reply.fail(why);
}

// Who waits for a service that can't start, because one that it needs has failed, hears of that.
void supervisor_machine::fail_blocked() {
  for (auto& [service, x] : children_) {
    auto entry = roster_.find(service);
    if (!entry || entry->state != service_state::waiting || !roster_.failed_need(service)) continue;
    publish(service);
    if (!x.waiting.empty()) tell_waiting(x, roster_.blocked_by(service));
  }
}

} // namespace vef
