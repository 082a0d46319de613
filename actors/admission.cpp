#include <vef/actors/admission.hpp>

#include <vef/actors/ladder.hpp>
#include <vef/actors/working_memory.hpp>
#include <vef/messages/bytes.hpp>

#include <algorithm>

namespace vef {

// -- what a load needs --------------------------------------------------------------------------------------

load_grant needs_of(const load_claim& claim, const model_usage* known) {
  load_grant out;
  auto ladder = known ? with_measured(claim.ladder, known->tiers) : claim.ladder;
  out.reserved.weights = needs_of(ladder, claim.tier);
  if (known) {
    out.learned = known->working;
    out.measured =
        std::ranges::any_of(known->tiers, [&](const tier_need& x) { return x.tier == claim.tier; });
  }
  auto least = working_memory{claim.working_estimate, out.learned}.expected(1);
  if (least > 0 && serves(ladder, claim.tier))
    out.reserved.working = {{working_device(ladder, claim.tier), least}};
  return out;
}

// -- asking -------------------------------------------------------------------------------------------------

admission::admission(ledger& book, residency& models, admission_options options)
    : book_(book)
    , models_(models)
    , options_(options) {}

namespace {

std::string seconds_text(std::chrono::milliseconds x) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(x).count()) + " s";
}

// What a model that is a tier lower holds already counts towards what it needs.
std::vector<device_bytes> still_needed(const ledger& book, const load_claim& claim, const load_grant& grant) {
  auto needs = sum_of(grant.reserved);
  for (auto& x : needs) {
    auto held = book.held(claim.key(), x.device);
    x.bytes -= std::min(x.bytes, held.resident + held.working);
  }
  return needs;
}

} // namespace

result<admission::ticket> admission::ask(load_claim claim, load_grant grant, time_point now) {
  auto needs = still_needed(book_, claim, grant);
  entry x{next_++, std::move(claim), std::move(grant), std::move(needs), now};
  if (auto good = possible(x); !good) return fail(good.error());
  if (waiting_.size() >= options_.max_waiting)
    return fail(errc::overloaded, "model " + vef::quoted(x.claim.model) + " would be load "
                                      + std::to_string(waiting_.size() + 1) + " to wait for memory, "
                                      + std::to_string(options_.max_waiting) + " may");
  if (x.claim.optional && !has_room_now(x)) return fail(refusal(x));
  models_.climbing(x.claim.key(), true);
  waiting_.push_back(std::move(x));
  return waiting_.back().id;
}

result<void> admission::possible(const entry& x) const {
  for (const auto& need : x.needs) {
    if (!book_.knows(need.device))
      return fail(errc::invalid_argument, "no device " + vef::quoted(need.device) + " on this node");
    auto held = book_.held(x.claim.key(), need.device);
    if (need.bytes == 0 && held.sum() > 0) continue; // what it has there is enough
    auto all = need.bytes + held.resident + held.working;
    auto what = "model " + vef::quoted(x.claim.model) + " needs " + format_bytes(all) + " of " + need.device;
    auto capacity = book_.capacity(need.device);
    if (all > capacity)
      return fail(errc::over_budget, what + ", more than the budget of " + format_bytes(capacity));
    if (models_.pressure_of(need.device) == pressure::critical)
      return fail(errc::out_of_memory,
                  what + ", which is critically short: nothing is loaded until that is over");
    auto pinned = models_.held_by_pins(need.device, x.claim.key());
    if (pinned > 0 && all > capacity - std::min(capacity, pinned))
      return fail(errc::over_budget, what + ", of which pins hold " + format_bytes(pinned) + " of "
                                         + format_bytes(capacity) + ": "
                                         + who_is_in_the_way(need.device, x.claim.key()));
  }
  return {};
}

std::vector<admission::ticket> admission::abandon(const model_key& who) {
  std::vector<ticket> out;
  for (const auto& x : waiting_)
    if (x.claim.key() == who) out.push_back(x.id);
  waiting_.remove_if([&](const entry& x) { return x.claim.key() == who; });
  return out;
}

bool admission::waits_for(const std::string& device) const {
  return std::ranges::any_of(waiting_, [&](const entry& x) {
    return std::ranges::any_of(x.needs, [&](const device_bytes& need) { return need.device == device; });
  });
}

// -- granting -----------------------------------------------------------------------------------------------

admission::decisions admission::advance(time_point now) {
  decisions out;
  std::map<std::string, std::uint64_t> ahead; // what earlier loads wait for is not there for later ones
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    it->needs = still_needed(book_, it->claim, it->grant); // what it holds may have changed
    auto good = possible(*it);
    if (!good || now - it->since >= options_.limit) {
      auto why = good ? refusal(*it) : good.error();
      if (good) why.what += "; it waited for " + seconds_text(options_.limit);
      out.refused.emplace_back(it->id, std::move(why));
      models_.climbing(it->claim.key(), false);
      it = waiting_.erase(it);
    } else if (try_grant(*it, ahead, now, out)) {
      out.granted.emplace_back(it->id, it->grant);
      models_.climbing(it->claim.key(), false);
      it = waiting_.erase(it);
    } else if (it->claim.optional) { // loads that came before it took the room
      out.refused.emplace_back(it->id, refusal(*it));
      models_.climbing(it->claim.key(), false);
      it = waiting_.erase(it);
    } else {
      auto wake = it->since + options_.limit;
      if (now < it->since + options_.drain_after) wake = it->since + options_.drain_after;
      out.next = out.next ? std::min(*out.next, wake) : wake;
      for (const auto& need : it->needs) ahead[need.device] += need.bytes;
      ++it;
    }
  }
  return out;
}

std::uint32_t admission::places_missing(const entry& x) const {
  auto who = x.claim.key();
  auto known = models_.find(who);
  if (x.claim.places == 0 || (known && known->tier != tier::absent)) return 0;
  auto taken = models_.places_taken(who) + 1;
  return taken > x.claim.places ? taken - x.claim.places : 0;
}

// Without an eviction, and without waiting.
bool admission::has_room_now(const entry& x) const {
  for (const auto& need : x.needs)
    if (need.bytes > 0 && (need.bytes > book_.room(need.device) || waits_for(need.device))) return false;
  return places_missing(x) == 0 && models_.loading() < options_.parallel_loads;
}

bool admission::try_grant(entry& x, std::map<std::string, std::uint64_t>& ahead, time_point now,
                          decisions& out) {
  auto who = x.claim.key();
  std::vector<device_bytes> missing;
  auto room = true;
  for (const auto& need : x.needs) {
    auto wanted = need.bytes + ahead[need.device], there = book_.room(need.device);
    if (need.bytes == 0 || wanted <= there) continue;
    room = false;
    there += models_.coming(need.device);
    if (wanted > there) missing.push_back({need.device, wanted - there});
  }
  auto places = places_missing(x);
  if (room && places == 0) {
    if (models_.loading() >= options_.parallel_loads) return false;
    if (!book_.reserve(who, x.needs)) return false;
    models_.granted(x.claim, x.grant, now);
    return true;
  }
  if (x.claim.optional) return false;
  places -= std::min(places, models_.places_leaving(who));
  if (!missing.empty() || places > 0) make_way(x, missing, places, now, out);
  return false;
}

void admission::make_way(entry& x, const std::vector<device_bytes>& missing, std::uint32_t places,
                         time_point now, decisions& out) {
  auto who = x.claim.key();
  auto how = now - x.since >= options_.drain_after ? urgency::overdue : urgency::load;
  residency::room room;
  if (places > 0) room = models_.make_places(who, places, how, now);
  // Places often free the bytes as well: those that are still missing are looked at when they have gone.
  if (places == 0 && !missing.empty()) room = models_.make_room(who, missing, how, now);
  if (room.later) out.next = out.next ? std::min(*out.next, *room.later) : *room.later;
  for (auto& step : room.steps) {
    step.why = "makes room for " + vef::quoted(who.service + '/' + who.model)
               + (step.why.empty() ? "" : ": " + step.why);
    models_.step_started(step);
    out.steps.push_back(std::move(step));
  }
}

// -- refusals and plans -------------------------------------------------------------------------------------

error admission::refusal(const entry& x) const {
  auto who = x.claim.key();
  for (const auto& need : x.needs)
    if (need.bytes > book_.room(need.device))
      return {errc::over_budget, book_.shortage(who, need) + ": " + who_is_in_the_way(need.device, who)};
  if (places_missing(x) > 0)
    return {errc::over_budget, "service " + vef::quoted(who.service) + " may have "
                                   + std::to_string(x.claim.places)
                                   + " models in memory, and those are in use"};
  return {errc::over_budget, "model " + vef::quoted(who.model) + " found other loads in its way"};
}

std::string admission::who_is_in_the_way(const std::string& device, const model_key& but) const {
  std::string pinned, used;
  for (const auto& [who, m] : models_.models()) {
    if (who == but || book_.held(who, device).sum() == 0) continue;
    auto& list = models_.pinned(who) ? pinned : used;
    if (models_.pinned(who) || m.leased) list += (list.empty() ? "" : ", ") + who.model;
  }
  if (pinned.empty() && used.empty()) return "nobody is in the way any more";
  return (pinned.empty() ? "" : "pinned: " + pinned) + (pinned.empty() || used.empty() ? "" : "; ")
         + (used.empty() ? "" : "in use: " + used);
}

load_plan admission::plan(const load_claim& claim, const load_grant& grant, time_point now) const {
  entry x{0, claim, grant, still_needed(book_, claim, grant), now};
  load_plan out{.needs = sum_of(grant.reserved), .measured = grant.measured};
  auto known = models_.find(claim.key());
  if (known && known->tier >= claim.tier) return out; // it is there
  if (auto good = possible(x); !good) {
    out.refusal = good.error();
    return out;
  }
  std::vector<device_bytes> missing;
  for (const auto& need : x.needs)
    if (auto there = book_.room(need.device) + models_.coming(need.device); need.bytes > there)
      missing.push_back({need.device, need.bytes - there});
  auto places = places_missing(x);
  places -= std::min(places, models_.places_leaving(claim.key()));
  auto room = models_.make_places(claim.key(), places, urgency::possible, now);
  auto bytes = models_.make_room(claim.key(), missing, urgency::possible, now, room.steps);
  out.evictions = bytes.enough ? std::move(bytes.steps) : std::move(room.steps);
  if (!room.enough || !bytes.enough) out.refusal = refusal(x);
  return out;
}

} // namespace vef
