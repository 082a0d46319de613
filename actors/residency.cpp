#include <vef/actors/residency.hpp>

#include <vef/actors/bytes_on.hpp>
#include <vef/actors/ladder.hpp>

#include <algorithm>

namespace vef {

using std::chrono::milliseconds;

residency::residency(ledger& book, std::unique_ptr<eviction_policy> policy, residency_options options)
    : book_(book)
    , policy_(std::move(policy))
    , options_(options) {}

// -- what happens -------------------------------------------------------------------------------------------

void residency::granted(const load_claim& claim, const load_grant& grant, time_point now) {
  auto& x = models_[claim.key()];
  x.facts = claim;
  x.loading = true;
  x.least_working = grant.reserved.working;
  if (x.tier == tier::absent) x.last_used = now;
}

void residency::settled(const load_result& r, time_point now) {
  auto it = models_.find(r.who);
  if (it == models_.end()) return;
  auto& x = it->second;
  if (x.tier == tier::absent) x.reload_time = r.took;
  if (x.tier != r.tier) x.since = now, x.only_down = false;
  x.tier = r.tier;
  x.loading = false;
}

void residency::used(const usage_record& r, time_point now) {
  auto it = models_.find(r.who);
  if (it == models_.end()) return;
  auto& x = it->second;
  x.leased = r.leased;
  x.last_used = now;
  x.uses += r.requests;
  if (r.keep_alive) x.keep_alive = r.keep_alive;
}

void residency::set_history(const model_key& who, std::uint64_t uses, std::chrono::microseconds reload_time) {
  auto it = models_.find(who);
  if (it == models_.end()) return;
  it->second.uses = uses;
  it->second.reload_time = reload_time;
}

void residency::gone(const model_key& who) {
  book_.release(who);
  models_.erase(who);
}

void residency::step_started(eviction_step& step) {
  auto it = models_.find(step.who);
  if (it == models_.end()) return;
  if (step.to != step.from && step.to != tier::absent) {
    auto extra = needs_of(it->second.facts.ladder, step.to);
    for (auto& x : extra) x.bytes -= std::min(x.bytes, book_.held(step.who, x.device).resident);
    if (!book_.reserve(step.who, extra)) {
      auto out = step_of(*it, true);
      step.to = out.to;
      step.frees = std::move(out.frees);
    }
  }
  it->second.leaving = true;
  it->second.busy_when_told = it->second.leased;
  it->second.leaving_to = step.to;
  it->second.coming = step.frees;
}

void residency::step_ended(const eviction_step& step, bool done, time_point now) {
  auto it = models_.find(step.who);
  if (it == models_.end()) return;
  auto& x = it->second;
  x.leaving = false;
  x.coming.clear();
  if (done) return;
  if (!x.loading) book_.cancel(step.who);    // else it is the load's
  if (x.leased && !x.busy_when_told) return; // it has become busy: it is asked again when it is idle
  x.not_before = now + milliseconds{1000};
  if (step.to != step.from || step.to == tier::absent) x.only_down = step.to != tier::absent;
}

void residency::climbing(const model_key& who, bool waits) {
  if (auto it = models_.find(who); it != models_.end()) it->second.climbing = waits;
}

void residency::pin(const model_key& who, bool pinned) {
  if (pinned)
    pins_.insert(who);
  else
    pins_.erase(who);
}

pressure residency::pressure_of(const std::string& device) const {
  auto it = pressure_.find(device);
  return it == pressure_.end() ? pressure::none : it->second;
}

// -- properties ---------------------------------------------------------------------------------------------

const residency::model* residency::find(const model_key& who) const {
  auto it = models_.find(who);
  return it == models_.end() ? nullptr : &it->second;
}

std::uint64_t residency::coming(const std::string& device) const {
  std::uint64_t sum = 0;
  for (const auto& [who, x] : models_) sum += bytes_on(x.coming, device);
  return sum;
}

std::uint64_t residency::held_by_pins(const std::string& device, const model_key& but) const {
  std::uint64_t sum = 0;
  for (const auto& who : pins_)
    if (who != but) sum += book_.held(who, device).sum();
  return sum;
}

std::uint32_t residency::places_taken(const model_key& but) const {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      models_, [&](const entry& x) { return x.first.service == but.service && x.first != but; }));
}

std::uint32_t residency::places_leaving(const model_key& but) const {
  return static_cast<std::uint32_t>(std::ranges::count_if(models_, [&](const entry& x) {
    return x.first.service == but.service && x.first != but && x.second.leaving_for_good();
  }));
}

unsigned residency::loading() const {
  return static_cast<unsigned>(
      std::ranges::count_if(models_, [](const entry& x) { return x.second.loading; }));
}

} // namespace vef
