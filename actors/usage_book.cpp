#include <vef/actors/usage_book.hpp>

#include <algorithm>

namespace vef {

namespace {

constexpr std::size_t most_samples = 32;

void add(std::uint64_t& count, std::uint64_t n) {
  count += std::min(n, usage_book::most - std::min(count, usage_book::most));
}

// The epoch means never, so a clock that was not set yet counts as a little later.
timestamp after_epoch(timestamp x) { return std::max(x, timestamp{std::chrono::milliseconds{1}}); }

void end_residence(model_usage& x, timestamp now) {
  if (x.resident_since == timestamp{}) return;
  // Neither is before the epoch, so that the difference does not overflow; it is negative after the clock was
  // set back.
  auto stay = std::max(now - x.resident_since, std::chrono::milliseconds::zero());
  x.resident_time += std::min(stay, std::chrono::milliseconds::max() - x.resident_time);
  x.resident_since = {};
}

void smooth(std::chrono::microseconds& average, std::chrono::microseconds took) {
  if (took <= took.zero()) return;
  if (average == average.zero()) {
    average = took;
    return;
  }
  // 0.7 of the old and 0.3 of the new, in whole numbers that can't overflow.
  auto change = took - average;
  average += change / 10 * 3 + change % 10 * 3 / 10;
}

void learn_tier(model_usage& usage, const load_result& x) {
  if (x.tier == tier::absent || x.measured.weights.empty()) return;
  auto& tiers = usage.tiers;
  std::erase_if(tiers, [&](const tier_need& old) { return old.tier == x.tier; });
  for (const auto& line : x.measured.weights) {
    auto place = std::ranges::upper_bound(tiers, x.tier, {}, &tier_need::tier);
    tiers.insert(place, {x.tier, line.device, std::min(line.bytes, usage_book::most), true});
  }
}

// On all devices together, not above `most`.
std::uint64_t sum(const std::vector<device_bytes>& lines) {
  std::uint64_t bytes = 0;
  for (const auto& x : lines) add(bytes, x.bytes);
  return bytes;
}

} // namespace

usage_book::entry& usage_book::entry_of(const model_key& who) {
  auto [it, is_new] = models_.try_emplace(who);
  if (is_new) it->second.usage.who = who;
  return it->second;
}

void usage_book::record_usage(const model_key& who, std::uint64_t requests, std::uint64_t images,
                              timestamp now) {
  auto& x = entry_of(who).usage;
  add(x.requests, requests);
  add(x.images, images);
  x.last_used = after_epoch(now);
}

void usage_book::mark_loaded(const load_result& x, std::uint64_t estimated, timestamp now) {
  auto& [usage, had_estimate] = entry_of(x.who);
  now = after_epoch(now);
  // A model that is loaded twice left memory in between without a word, in a crash of its service.
  end_residence(usage, now);
  usage.resident_since = now;
  add(usage.loads, 1);
  smooth(usage.load_time, x.took);
  learn_tier(usage, x);
  auto bytes = sum(x.measured.weights);
  if (had_estimate || estimated == 0 || bytes == 0) return;
  had_estimate = true;
  auto measured = static_cast<double>(bytes);
  usage.estimate_error = (static_cast<double>(std::min(estimated, most)) - measured) / measured;
}

void usage_book::mark_moved(const load_result& x) { learn_tier(entry_of(x.who).usage, x); }

void usage_book::mark_unloaded(const model_key& who, timestamp now) {
  auto it = models_.find(who);
  if (it == models_.end() || it->second.usage.resident_since == timestamp{}) return;
  add(it->second.usage.unloads, 1);
  end_residence(it->second.usage, after_epoch(now));
}

void usage_book::learn_working(const model_key& who, const std::vector<working_sample>& samples) {
  for (auto x : samples) {
    if (x.pictures == 0 || x.bytes == 0) continue;
    auto& known = entry_of(who).usage.working;
    x.bytes = std::min(x.bytes, most);
    if (auto old = std::ranges::find(known, x.pictures, &working_sample::pictures); old != known.end()) {
      x.bytes = std::max(x.bytes, old->bytes);
      known.erase(old);
    }
    known.push_back(x);
    if (known.size() > most_samples) known.erase(known.begin());
  }
}

const model_usage* usage_book::find(const model_key& who) const {
  auto it = models_.find(who);
  return it == models_.end() ? nullptr : &it->second.usage;
}

std::vector<model_usage> usage_book::all() const {
  std::vector<model_usage> list;
  for (const auto& [who, x] : models_) list.push_back(x.usage);
  return list;
}

void usage_book::forget_residence(timestamp now) {
  for (auto& [who, x] : models_) end_residence(x.usage, after_epoch(now));
}

} // namespace vef
