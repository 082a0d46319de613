#include <vef/actors/bytes_on.hpp>
#include <vef/actors/ladder.hpp>
#include <vef/actors/residency.hpp>

#include <algorithm>

// Who goes, and why: the decisions of `residency`. What happens to models is in residency.cpp.

namespace vef {

using std::chrono::milliseconds;

// -- who may go ---------------------------------------------------------------------------------------------

residency::time_point residency::free_to_go(const model& x) const {
  auto least = std::max<std::chrono::microseconds>(options_.minimum, x.reload_time);
  return std::max(x.not_before,
                  x.since + std::min<std::chrono::microseconds>(least, options_.longest_minimum));
}

bool residency::may_go(const entry& one, urgency how, time_point now) const {
  const auto& x = one.second;
  if (x.loading || x.leaving || x.climbing || x.tier == tier::absent || pins_.contains(one.first))
    return false;
  switch (how) {
  case urgency::growth: return !x.leased && now - x.last_used >= options_.stale_after && now >= x.not_before;
  case urgency::load: return !x.leased && now >= free_to_go(x);
  case urgency::overdue: return now >= free_to_go(x);
  case urgency::pressure: return !x.leased && now >= x.not_before;
  case urgency::possible: return true;
  }
  return false;
}

// -- steps --------------------------------------------------------------------------------------------------

std::uint64_t residency::spare_working(const entry& x, const std::string& device) const {
  auto working = book_.held(x.first, device).working;
  for (const auto& least : x.second.least_working)
    if (least.device == device) working -= std::min(working, least.bytes);
  return working;
}

bool residency::has_room_below(const entry& x, tier to) const {
  for (const auto& need : needs_of(x.second.facts.ladder, to)) {
    auto held = book_.held(x.first, need.device).resident;
    if (need.bytes > held && need.bytes - held > book_.room(need.device)) return false;
    if (need.bytes > held && pressure_of(need.device) != pressure::none) return false;
  }
  return true;
}

// One tier down, or out of memory where the lower tier has no room or the model has failed to get there.
eviction_step residency::step_of(const entry& x, bool altogether) const {
  const auto& [who, m] = x;
  eviction_step step{.who = who, .from = m.tier, .to = below(m.facts.ladder, m.tier)};
  if (altogether || m.only_down || !has_room_below(x, step.to)) step.to = tier::absent;
  auto needs = needs_of(m.facts.ladder, step.to);
  for (const auto& device : book_.status()) {
    auto held = book_.held(who, device.device).sum();
    for (const auto& need : needs)
      if (need.device == device.device) held -= std::min(held, need.bytes);
    if (held > 0) step.frees.push_back({device.device, held});
  }
  return step;
}

eviction_step residency::trim_of(const entry& x) const {
  eviction_step step{
      .who = x.first, .from = x.second.tier, .to = x.second.tier, .why = "spare working memory"};
  for (const auto& device : book_.status())
    if (auto spare = spare_working(x, device.device); spare > 0) step.frees.push_back({device.device, spare});
  return step;
}

std::optional<eviction_step> residency::step_out(const model_key& who) const {
  auto it = models_.find(who);
  if (it == models_.end()) return std::nullopt;
  return step_of(*it, true);
}

// -- room ---------------------------------------------------------------------------------------------------

residency::room residency::make_room(const model_key& who, const std::vector<device_bytes>& missing,
                                     urgency how, time_point now,
                                     const std::vector<eviction_step>& decided) const {
  room out;
  std::vector<const entry*> candidates;
  for (const auto& x : models_) {
    if (x.first == who) continue;
    if (may_go(x, how, now))
      candidates.push_back(&x);
    else if (auto when = free_to_go(x.second); when > now && !x.second.loading && !x.second.leaving)
      out.later = out.later ? std::min(*out.later, when) : when;
  }
  // A model that is trimmed or goes a tier down for one device frees no more on another. If that is too
  // little, whoever goes must go altogether.
  for (auto altogether : {false, true}) {
    if (out.enough) break;
    out.steps = decided;
    out.enough = true;
    for (const auto& x : missing) out.enough &= free_on(x, candidates, who, altogether, now, out.steps);
  }
  if (!out.enough && how != urgency::pressure) out.steps.clear(); // nobody goes for nothing
  return out;
}

// Spare working memory costs nobody anything, so it goes first; then the policy chooses among the models. If
// that is not enough, all that frees something is in `decided`.
bool residency::free_on(const device_bytes& missing, const std::vector<const entry*>& candidates,
                        const model_key& but, bool altogether, time_point now,
                        std::vector<eviction_step>& decided) const {
  auto chosen = [&](const model_key& x) {
    return std::ranges::any_of(decided, [&](const eviction_step& step) { return step.who == x; });
  };
  auto needed = missing.bytes;
  for (const auto& step : decided) needed -= std::min(needed, bytes_on(step.frees, missing.device));
  std::vector<eviction_step> trims;
  for (const auto& x : models_) {
    if (x.first == but || !idle(x.second) || now < x.second.not_before || chosen(x.first)) continue;
    if (altogether && std::ranges::find(candidates, &x) != candidates.end()) continue;
    if (spare_working(x, missing.device) > 0) trims.push_back(trim_of(x));
  }
  std::ranges::sort(trims, std::greater{}, [&](const auto& x) { return bytes_on(x.frees, missing.device); });

  std::vector<const entry*> left;
  for (auto x : candidates)
    if (!chosen(x->first)) left.push_back(x);
  std::uint64_t spare = 0;
  for (const auto& x : trims) spare += bytes_on(x.frees, missing.device);
  std::vector<eviction_step> steps;
  auto rest = device_bytes{missing.device, needed > spare ? needed - spare : 0};
  auto enough = rest.bytes == 0 || (!altogether && choose(left, rest, false, trims, now, steps))
                || choose(left, rest, true, trims, now, steps);
  if (!enough)
    for (auto x : left)
      if (book_.held(x->first, missing.device).sum() > 0) steps.push_back(step_of(*x, true));
  std::uint64_t freed = 0;
  for (const auto& x : steps) freed += bytes_on(x.frees, missing.device);
  decided.insert(decided.end(), steps.begin(), steps.end());
  for (auto& x : trims) {
    if (freed >= needed) break;
    if (chosen(x.who)) continue;
    freed += bytes_on(x.frees, missing.device);
    decided.push_back(std::move(x));
  }
  return enough;
}

bool residency::choose(const std::vector<const entry*>& among, const device_bytes& missing, bool altogether,
                       const std::vector<eviction_step>& trims, time_point now,
                       std::vector<eviction_step>& steps) const {
  std::vector<eviction_step> possible;
  std::vector<eviction_candidate> candidates;
  for (auto x : among) {
    auto step = step_of(*x, altogether);
    // Its spare working memory was counted already.
    auto frees = bytes_on(step.frees, missing.device);
    auto trim = std::ranges::find(trims, x->first, &eviction_step::who);
    auto spare = trim == trims.end() ? 0 : bytes_on(trim->frees, missing.device);
    if (frees <= spare) continue;
    candidates.push_back(
        {x->first, frees - spare, x->second.last_used, x->second.uses, x->second.reload_time});
    possible.push_back(std::move(step));
  }
  auto choices = policy_->choose(candidates, missing.bytes, now);
  for (const auto& choice : choices) {
    auto& step = steps.emplace_back(std::move(possible[choice.index]));
    step.score = choice.score;
    step.why = choice.why;
  }
  return !choices.empty();
}

residency::room residency::make_places(const model_key& who, std::uint32_t missing, urgency how,
                                       time_point now) const {
  room out;
  std::vector<eviction_candidate> candidates;
  for (const auto& x : models_) {
    if (x.first == who || x.first.service != who.service) continue;
    if (may_go(x, how, now))
      candidates.push_back({x.first, 1, x.second.last_used, x.second.uses, x.second.reload_time});
    else if (auto when = free_to_go(x.second); when > now && !x.second.loading && !x.second.leaving)
      out.later = out.later ? std::min(*out.later, when) : when;
  }
  for (const auto& choice : policy_->choose(candidates, missing, now)) {
    auto step = step_of(*models_.find(candidates[choice.index].who), true);
    step.score = choice.score;
    step.why = choice.why;
    out.steps.push_back(std::move(step));
  }
  out.enough = missing == 0 || !out.steps.empty();
  return out;
}

// -- idle models --------------------------------------------------------------------------------------------

std::optional<std::pair<residency::time_point, tier>> residency::due(const entry& one,
                                                                     const idle_timeouts* timeouts) const {
  const auto& [who, x] = one;
  if (!idle(x) || x.climbing || pins_.contains(who)) return std::nullopt;
  constexpr milliseconds never =
      std::chrono::hours{24 * 365 * 100}; // beyond it a sum of times would overflow
  auto at = [&](time_point from, milliseconds pause, tier to) -> std::optional<std::pair<time_point, tier>> {
    if (pause >= never) return std::nullopt;
    return std::pair{std::max(x.not_before, from + pause), to};
  };
  auto keep = x.keep_alive ? x.keep_alive : x.facts.keep_alive;
  if (keep && !timeouts) return at(x.last_used, *keep, tier::absent);
  const auto& limit = timeouts ? *timeouts : x.facts.idle;
  auto lower = x.only_down ? tier::absent : below(x.facts.ladder, x.tier);
  auto down = at(std::max(x.last_used, timeouts ? x.last_used : x.since), limit.device, lower);
  auto out = at(x.last_used, limit.host, tier::absent);
  if (lower == tier::absent) return x.tier == tier::device ? (down && out ? std::min(down, out) : down) : out;
  if (!down || !out) return down ? down : out;
  return out->first <= down->first ? out : down;
}

std::vector<eviction_step> residency::idle_too_long(time_point now, const idle_timeouts* timeouts) const {
  std::vector<eviction_step> out;
  for (const auto& x : models_) {
    auto when = due(x, timeouts);
    if (!when || when->first > now) continue;
    auto step = step_of(x, when->second == tier::absent);
    auto idle_for = std::chrono::duration_cast<std::chrono::seconds>(now - x.second.last_used).count();
    step.why = "not used for " + std::to_string(idle_for) + " s";
    out.push_back(std::move(step));
  }
  return out;
}

std::optional<residency::time_point> residency::next_idle() const {
  std::optional<time_point> next;
  for (const auto& x : models_)
    if (auto when = due(x, nullptr); when && (!next || when->first < *next)) next = when->first;
  return next;
}

} // namespace vef
