// A service's answer to a health check.
#include <vef/actors/service_machine.hpp>
#include <vef/backends/guard.hpp>

#include <caf/exit_reason.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

using std::chrono::milliseconds;

/// A check that is being answered: the report so far, and how many answers it lacks.
struct service_machine::check_round {
  check_report report;
  std::size_t open = 1; // one is for whoever adds the others
  promise<check_report> reply;
};

/// What the backend is asked, away from the scheduler. It outlives a service that does not wait for the
/// answer.
struct service_machine::backend_check {
  std::shared_ptr<backend> source;
  result<void> outcome = {};
  std::optional<std::vector<model_info>> catalog = {}; // if it changed
  executor::job_id number = 0;
  caf::actor_clock::time_point late_at; // by then it should have answered
  bool given_up = false;
};

// Everything that is asked for has a bound below the patience of whoever asks for the whole.
caf::result<check_report> service_machine::check(const check_request& x) {
  auto round = std::make_shared<check_round>();
  round->reply = promise<check_report>{self_};
  auto patience = x.patience * 4 / 5;
  ask_backend(round, patience);
  ask_models(round, {x.canary, patience});
  close(round);
  return round->reply;
}

void service_machine::close(const std::shared_ptr<check_round>& round) {
  if (--round->open == 0) round->reply.deliver(std::move(round->report));
}

// -- the backend --------------------------------------------------------------------------------------------

// One at a time: a backend that hangs must not take a thread more with each check.
void service_machine::ask_backend(const std::shared_ptr<check_round>& round, milliseconds patience) {
  ++round->open;
  waiting_checks_.push_back(round);
  self_->delayed_send(self_, patience, expire_atom_v);
  if (checking_) return;
  checking_ = std::make_shared<backend_check>();
  checking_->source = setup_.source;
  checking_->late_at = self_->clock().now() + patience;
  auto me = caf::actor_cast<caf::weak_actor_ptr>(self_);
  checking_->number = setup_.work.checkers->submit([job = checking_, me](unsigned) {
    job->outcome = guarded(errc::unavailable, "its health check failed", [&]() -> result<void> {
      job->catalog = job->source->changed_catalog();
      return job->source->check();
    });
    job->source.reset();
    tell<interface>(me, checked_atom_v);
  });
}

void service_machine::on_checked() {
  auto job = std::exchange(checking_, nullptr);
  if (job->catalog) change_catalog(std::move(*job->catalog));
  for (auto& round : std::exchange(waiting_checks_, {})) {
    if (!job->outcome) round->report.backend = job->outcome.error();
    round->report.has_new_catalog = std::exchange(catalog_is_new_, false);
    if (round->report.has_new_catalog) round->report.catalog = setup_.catalog;
    close(round);
  }
}

void service_machine::on_check_late() {
  if (!checking_ || self_->clock().now() < checking_->late_at) return; // the time of an earlier one is up
  auto& pool = *setup_.work.checkers;
  auto age = pool.running_for(checking_->number);
  error late{errc::deadline_exceeded, "its health check does not come back"};
  // Other services need the thread.
  if (age && !std::exchange(checking_->given_up, true)) pool.retire(checking_->number);
  for (auto& round : std::exchange(waiting_checks_, {})) {
    round->report.backend = late;
    close(round);
  }
}

// -- the catalog --------------------------------------------------------------------------------------------

// A model that is gone, or is another one now, serves what it was asked and leaves; whoever asks later gets
// what is there then.
void service_machine::change_catalog(std::vector<model_info> now) {
  if (auto good = validate(now); !good) {
    spdlog::warn("service {} keeps its catalog: {}", setup_.spec.name, good.error().what);
    return;
  }
  if (now == setup_.catalog) return;
  std::set<std::string> changed;
  for (const auto& before : setup_.catalog)
    if (std::ranges::find(now, before) == now.end()) changed.insert(before.id);
  spdlog::info("service {} offers {} models now, {} before", setup_.spec.name, now.size(),
               setup_.catalog.size());
  setup_.catalog = std::move(now);
  ids_.clear();
  for (const auto& info : setup_.catalog) ids_.push_back(info.id);
  catalog_is_new_ = true;
  for (const auto& id : changed) retire(id);
}

void service_machine::retire(const std::string& id) {
  auto it = models_.find(id);
  if (it == models_.end()) return;
  auto end = [this, id, handle = it->second] {
    auto now = models_.find(id);
    if (now == models_.end() || now->second != handle) return;
    models_.erase(now);
    loaded_.erase(id);
    self_->demonitor(handle.address());
    self_->send_exit(handle, caf::exit_reason::user_shutdown);
  };
  self_->request(it->second, caf::infinite, unload_atom_v, unload_mode::when_done)
      .then([end](const unload_report&) { end(); }, [end](caf::error&) { end(); });
}

// -- the models ---------------------------------------------------------------------------------------------

void service_machine::ask_models(const std::shared_ptr<check_round>& round, const check_request& x) {
  for (const auto& [id, handle] : models_) {
    ++round->open;
    auto failed = [round, id](const caf::error& why) {
      if (!round->report.model) round->report.model = from_caf(why);
      ++round->report.failed_models;
      close(round);
    };
    auto add = [round](const model_status& one) {
      auto& sum = round->report;
      sum.oldest_queued = std::max(sum.oldest_queued, one.oldest_queued);
      sum.oldest_running = std::max(sum.oldest_running, one.oldest_running);
      sum.no_progress = std::max(sum.no_progress, one.no_progress);
      if (one.state == model_state::failed) {
        ++sum.failed_models;
        if (!sum.model) sum.model = one.last_error;
      }
      close(round);
    };
    self_->request(handle, x.patience, status_atom_v).then(add, failed);
    if (!x.canary) continue;
    ++round->open;
    self_->request(handle, x.patience, probe_atom_v, x.patience)
        .then([round] { close(round); },
              [round, id](const caf::error& why) {
                // Lanes that are busy with other models are no fault of this one; work that is stuck is seen
                // by its age.
                auto code = from_caf(why).code;
                auto only_late = code == errc::deadline_exceeded || code == errc::overloaded;
                if (!round->report.canary && !only_late)
                  round->report.canary = {from_caf(why).code, "a tiny picture through model " + quoted(id)
                                                                  + ": " + from_caf(why).what};
                close(round);
              });
  }
}

} // namespace vef
