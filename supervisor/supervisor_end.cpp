#include <vef/supervisor/supervisor_machine.hpp>

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

using std::chrono::milliseconds;

// Lets a service that counts as stopping finish what it has, then ends its actor. One that does not run yet
// is let go at once. Who asks for one that is being drained already waits for the end of that.
void supervisor_machine::drain(const std::string& service, milliseconds limit, drained then) {
  auto& x = child_of(service);
  x.after_drain.push_back(std::move(then));
  if (x.after_drain.size() > 1) return;
  ++x.life;
  x.making = nullptr;
  x.watch.reset();
  x.loaded.clear();
  tell_waiting(x, {errc::cancelled, "service " + vef::quoted(service) + " was stopped before it ran"});
  publish(service);
  if (!x.handle) return on_drained(service, {});
  // The service keeps the limit; a little more lets its own answer arrive.
  self_->request(x.handle, limit + milliseconds{500}, drain_atom_v, limit)
      .then([this, service](const reports& done) { on_drained(service, done); },
            [this, service](caf::error& why) {
              spdlog::warn("service {} did not drain: {}", service, from_caf(why).what);
              on_drained(service, {});
            });
}

void supervisor_machine::on_drained(const std::string& service, const reports& done) {
  auto& x = child_of(service);
  let_go(x, caf::exit_reason::user_shutdown);
  for (const auto& one : done)
    if (one.outcome)
      spdlog::warn("{}/{} was still at work when it was stopped: {}", service, one.model, one.outcome.what);
  x.status.pid = 0;
  roster_.stopped(service);
  publish_with_dependants(service);
  for (auto& then : std::exchange(x.after_drain, {}))
    if (then) then(done);
  advance();
}

caf::result<void> supervisor_machine::shutdown(milliseconds limit) {
  promise<void> reply{self_};
  shutdown_replies_.push_back(reply);
  auto deadline = now() + limit;
  self_->delayed_send(self_, limit + overtime, watch_atom_v);
  if (std::exchange(stopping_, true)) {
    deadline_ = std::min(deadline_, deadline); // whoever is in more of a hurry
    return reply;
  }
  deadline_ = deadline;
  for (auto& [service, x] : children_) tell_waiting(x, refusal());
  self_->send(registry_, drain_atom_v);
  log_work_under_way();
  stop_last();
  return reply;
}

void supervisor_machine::log_work_under_way() {
  self_->request(registry_, status_timeout, status_atom_v)
      .then(
          [](const std::vector<service_status>& services) {
            for (const auto& service : services)
              for (const auto& model : service.models)
                if (model.queued > 0)
                  spdlog::info("stopping: {}/{} has {} pictures under way, the oldest for {} ms",
                               service.name, model.model, model.queued, model.oldest_queued.count());
          },
          [](caf::error&) {}); // it is gone, and so is the list
}

// One at a time: whoever is needed goes after whoever needs it.
void supervisor_machine::stop_last() {
  auto order = roster_.stop_order();
  if (order.empty()) return end({});
  auto left = std::chrono::duration_cast<milliseconds>(deadline_ - now());
  roster_.stopping(order.front());
  drain(order.front(), std::max(left, milliseconds{0}), [this](const reports&) { stop_last(); });
}

void supervisor_machine::end(const caf::error& reason) {
  for (auto& reply : std::exchange(shutdown_replies_, {})) reply.deliver();
  end_those_watched();
  self_->quit(reason);
}

void supervisor_machine::end_those_watched() {
  for (auto& [service, x] : children_)
    if (auto handle = std::exchange(x.handle, nullptr))
      caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
  for (auto handle : {caf::actor_cast<caf::strong_actor_ptr>(std::exchange(registry_, nullptr)),
                      caf::actor_cast<caf::strong_actor_ptr>(std::exchange(governor_, nullptr)),
                      caf::actor_cast<caf::strong_actor_ptr>(std::exchange(monitor_, nullptr))})
    if (handle) caf::anon_send_exit(handle, caf::exit_reason::user_shutdown);
}

// However it ends: nobody whom it watches outlives it.
supervisor_machine::~supervisor_machine() { end_those_watched(); }

} // namespace vef
