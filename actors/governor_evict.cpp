#include <vef/actors/governor_machine.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

namespace {

std::uint64_t bytes_above(const device_memory& x, double threshold) {
  auto held = x.reserved + x.resident + x.working;
  auto most = static_cast<std::uint64_t>(threshold * static_cast<double>(x.capacity));
  return std::max(held > most ? held - most : 0, excess(x.reading, threshold));
}

// Of a model that is being loaded both tiers are `absent`: there is nothing to trim then.
bool is_trim(const eviction_step& x) { return x.from == x.to && x.to != tier::absent; }

} // namespace

// -- one step -----------------------------------------------------------------------------------------------

void governor_machine::begin(eviction_step step, unload_mode mode, on_report then) {
  models_->step_started(step);
  take(std::move(step), mode, std::move(then));
}

// Tells the model to make a step that counts as started.
void governor_machine::take(eviction_step step, unload_mode mode, on_report then) {
  auto model = handles_.find(step.who);
  if (model == handles_.end()) {
    models_->step_ended(step, false, now());
    return;
  }
  auto done = [this, step, then](unload_report& report) { on_step_done(step, std::move(report), then); };
  auto failed = [this, step, then](caf::error& why) {
    on_step_done(step, {.service = step.who.service, .model = step.who.model, .outcome = from_caf(why)},
                 then);
  };
  if (is_trim(step))
    self_->request(model->second, options_.unload_timeout, trim_atom_v).then(done, failed);
  else if (step.to == tier::absent)
    self_->request(model->second, options_.unload_timeout, unload_atom_v, mode).then(done, failed);
  else
    self_->request(model->second, options_.unload_timeout, demote_atom_v, step.to, mode).then(done, failed);
}

void governor_machine::on_step_done(const eviction_step& step, unload_report report, const on_report& then) {
  report.from = step.from;
  report.to = report.outcome ? step.from : step.to;
  report.why = step.why;
  report.score = step.score;
  report.when = wall_clock();
  auto done = !report.outcome;
  models_->step_ended(step, done, now());
  if (is_trim(step) && done) {
    for (const auto& x : step.frees) {
      auto working = ledger_.held(step.who, x.device).working;
      ledger_.shrink(step.who, {x.device, working - std::min(working, x.bytes)});
    }
  } else if (done) {
    spdlog::info("{}/{} went from {} to {} in {} ms, {} of {} came back: {}", step.who.service,
                 step.who.model, to_string(step.from), to_string(step.to), report.took.count() / 1000,
                 format_bytes(report.bytes_returned), format_bytes(report.bytes_expected),
                 step.why.empty() ? "asked to" : step.why);
    if (!step.why.empty()) ++evicted_;
  } else {
    spdlog::info("{}/{} stays in {}: {}", step.who.service, step.who.model, to_string(step.from),
                 report.outcome.what);
  }
  recent_.push_back(report);
  while (recent_.size() > options_.reports_kept) recent_.pop_front();
  if (then) then(std::move(report));
  look();
}

// -- because somebody asks ----------------------------------------------------------------------------------

caf::result<governor_machine::reports> governor_machine::take_all(std::vector<eviction_step> steps) {
  promise<reports> reply{self_};
  auto all = std::make_shared<gathering<unload_report>>(reply, steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    begin(std::move(steps[i]), unload_mode::if_idle,
          [all, i](unload_report x) { all->put(i, {std::move(x)}); });
  }
  return reply;
}

caf::result<governor_machine::reports> governor_machine::unload(const unload_request& request) {
  std::vector<eviction_step> steps;
  for (const auto& [who, model] : models_->models())
    if ((request.service.empty() || request.service == who.service)
        && (request.model.empty() || request.model == who.model))
      steps.push_back(*models_->step_out(who));
  promise<reports> reply{self_};
  auto all = std::make_shared<gathering<unload_report>>(reply, steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& who = steps[i].who;
    if (models_->pinned(who)) {
      unload_report stays{
          .service = who.service, .model = who.model, .from = steps[i].from, .to = steps[i].from};
      stays.outcome = {errc::in_use, "model " + vef::quoted(who.model) + " is pinned; unpin it first"};
      stays.when = wall_clock();
      all->put(i, {std::move(stays)});
      continue;
    }
    begin(std::move(steps[i]), request.mode, [all, i](unload_report x) { all->put(i, {std::move(x)}); });
  }
  return reply;
}

caf::result<governor_machine::reports> governor_machine::unload(const pressure_request& request) {
  if (!(request.threshold >= 0 && request.threshold <= 1))
    return to_caf(error{errc::invalid_argument,
                        "a threshold is a share from 0 to 1, not " + std::to_string(request.threshold)});
  std::vector<device_bytes> missing;
  for (const auto& device : ledger_.status())
    if (auto bytes = bytes_above(device, request.threshold); bytes > 0)
      missing.push_back({device.device, bytes});
  auto steps = models_->make_room({}, missing, urgency::pressure, now()).steps;
  for (auto& step : steps)
    step.why = "more than " + format_share(request.threshold) + " of a memory was in use: " + step.why;
  return take_all(std::move(steps));
}

caf::result<governor_machine::reports> governor_machine::unload(const idle_timeouts& limits) {
  if (limits.device.count() < 0 || limits.host.count() < 0)
    return to_caf(error{errc::invalid_argument, "a timeout can't be negative"});
  return take_all(models_->idle_too_long(now(), &limits));
}

// -- because memory is short --------------------------------------------------------------------------------

void governor_machine::on_readings(const std::vector<device_reading>& readings) {
  for (const auto& x : readings) {
    if (!ledger_.knows(x.device)) {
      ledger_.set_capacity(x.device, x.total / 10 * 9);
      spdlog::info("models may hold {} of {}", format_bytes(x.total / 10 * 9), x.device);
    }
    ledger_.set_reading(x);
    on_pressure(x);
  }
  look();
}

void governor_machine::on_pressure(const device_reading& x) {
  auto& gauge = gauges_.try_emplace(x.device, options_.pressure).first->second;
  auto before = models_->pressure_of(x.device), level = gauge.update(x);
  models_->set_pressure(x.device, level);
  if (level != before) {
    spdlog::log(level == pressure::none ? spdlog::level::info : spdlog::level::warn,
                "pressure on the memory of {}: {} ({} in use, {} by others)", x.device, to_string(level),
                format_share(x.used()), format_bytes(x.others()));
    for (const auto& [who, model] : handles_)
      if (ledger_.held(who, x.device).sum() > 0) self_->send(model, pressure_atom_v, level);
  }
  auto bytes = gauge.excess(), coming = models_->coming(x.device);
  if (level == pressure::none || bytes <= coming) return;
  evict_for_pressure(x.device, bytes - coming, format_share(x.used()) + " of " + x.device + " in use");
}

// A model that has changed its tier and holds more there than there is room for. What it holds beyond its
// reservation is not in the ledger, so it has to go.
void governor_machine::evict_too_large(const load_result& x) {
  models_->settled(x, now());
  auto step = models_->step_out(x.who);
  if (!step) return;
  step->why = "needs more in tier " + std::string{to_string(x.tier)} + " than there is room for";
  begin(std::move(*step), unload_mode::when_done);
}

void governor_machine::evict_for_pressure(const std::string& device, std::uint64_t bytes,
                                          const std::string& why) {
  for (auto& step : models_->make_room({}, {{device, bytes}}, urgency::pressure, now()).steps) {
    step.why = why + (step.why.empty() ? "" : ": " + step.why);
    begin(std::move(step), unload_mode::if_idle);
  }
}

} // namespace vef
