// How good are the eviction policies? Requests for models of different sizes and reload times, against a
// memory that holds a fifth of them: the hit rate and the time spent on reloads, beside what could be had by
// knowing the future.
#include "bench/bench.hpp"

#include <vef/actors/eviction.hpp>

#include <cmath>
#include <functional>
#include <random>

namespace vef::bench {

namespace {

using time_point = eviction_candidate::time_point;

struct request {
  time_point at;
  std::size_t which = 0; ///< of the items
};

struct trace {
  std::vector<eviction_candidate> items; ///< not used yet
  std::vector<request> requests;
  std::uint64_t budget = 0;
};

struct outcome {
  double hit_rate = 0;  ///< %
  double reloading = 0; ///< s, first loads included
};

// -- the cache ----------------------------------------------------------------------------------------------

/// A memory of so many bytes, whose models are all idle but the one that is asked for.
class cache {
public:
  cache(const trace& x, const eviction_policy& policy)
      : trace_{x}
      , policy_{policy}
      , models_{x.items}
      , resident_(x.items.size()) {}

  outcome run() {
    std::size_t hits = 0;
    std::chrono::microseconds reloading{};
    for (const auto& [at, which] : trace_.requests) {
      auto& model = models_[which];
      if (resident_[which]) {
        ++hits;
      } else {
        make_room(model.bytes, at);
        reloading += model.reload_time;
        held_ += model.bytes;
        resident_[which] = true;
      }
      model.last_used = at;
      ++model.uses; // since ever, as the usage book counts them
    }
    return {100.0 * static_cast<double>(hits) / static_cast<double>(trace_.requests.size()),
            std::chrono::duration<double>(reloading).count()};
  }

private:
  void make_room(std::uint64_t bytes, time_point now) {
    if (held_ + bytes <= trace_.budget) return;
    std::vector<eviction_candidate> candidates;
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < models_.size(); ++i)
      if (resident_[i]) candidates.push_back(models_[i]), which.push_back(i);
    for (const auto& choice : policy_.choose(candidates, held_ + bytes - trace_.budget, now)) {
      resident_[which[choice.index]] = false;
      held_ -= candidates[choice.index].bytes;
    }
  }

  const trace& trace_;
  const eviction_policy& policy_;
  std::vector<eviction_candidate> models_;
  std::vector<bool> resident_;
  std::uint64_t held_ = 0;
};

// -- the offline optimum --------------------------------------------------------------------------------------

/// Evicts what is used again farthest in the future (L. A. Belady, "A study of replacement algorithms for a
/// virtual-storage computer", IBM Systems Journal 5(2), 1966). That is optimal for pages of one size and
/// cost. For models of different sizes the optimum is NP-hard, and this is only approximately a bound: a
/// policy may come out above it. Three weights are tried for the distance of the next use, 1, the bytes that
/// go, and those by the time to reload, and the best of them is the peer.
class farthest_next_use final : public eviction_policy {
public:
  enum class weight { none, bytes, bytes_by_reload_time };

  farthest_next_use(const trace& x, weight w)
      : weight_{w}
      , uses_(x.items.size()) {
    for (const auto& model : x.items) names_.push_back(model.who);
    for (const auto& [at, which] : x.requests) uses_[which].push_back(at);
  }

  std::string_view name() const override { return "offline optimum"; }

  std::vector<eviction_choice> choose(std::span<const eviction_candidate> candidates, std::uint64_t needed,
                                      time_point now) const override {
    std::vector<eviction_choice> order;
    for (std::size_t i = 0; i < candidates.size(); ++i)
      order.push_back({i, -distance(candidates[i], now), {}});
    std::ranges::stable_sort(order, {}, &eviction_choice::score);
    std::uint64_t freed = 0;
    auto end = order.begin();
    for (; end != order.end() && freed < needed; ++end) freed += candidates[end->index].bytes;
    order.erase(end, order.end());
    // What turned out not to be needed stays, the nearest next use first.
    for (auto i = order.size(); i-- > 0;)
      if (auto bytes = candidates[order[i].index].bytes; freed - bytes >= needed) {
        freed -= bytes;
        order.erase(order.begin() + static_cast<std::ptrdiff_t>(i));
      }
    return order;
  }

private:
  double distance(const eviction_candidate& x, time_point now) const {
    auto which = static_cast<std::size_t>(std::ranges::find(names_, x.who) - names_.begin());
    auto next = std::ranges::upper_bound(uses_[which], now);
    if (next == uses_[which].end()) return 1e30 * static_cast<double>(x.bytes);
    auto seconds = std::chrono::duration<double>(*next - now).count();
    if (weight_ == weight::none) return seconds;
    seconds *= static_cast<double>(x.bytes);
    return weight_ == weight::bytes ? seconds : seconds / static_cast<double>(x.reload_time.count());
  }

  weight weight_;
  std::vector<model_key> names_;
  std::vector<std::vector<time_point>> uses_; ///< of each item, in order
};

/// The best hit rate and the least reloading that one of the weights reaches.
outcome offline_optimum(const trace& x) {
  using weight = farthest_next_use::weight;
  outcome best{0, 1e30};
  for (auto w : {weight::none, weight::bytes, weight::bytes_by_reload_time}) {
    auto got = cache{x, farthest_next_use{x, w}}.run();
    best.hit_rate = std::max(best.hit_rate, got.hit_rate);
    best.reloading = std::min(best.reloading, got.reloading);
  }
  return best;
}

// -- the traces -----------------------------------------------------------------------------------------------

constexpr std::size_t model_count = 40;

/// Sampled here and not by <random>'s distributions, whose results differ between standard libraries.
class dice {
public:
  explicit dice(std::uint64_t seed)
      : random_{seed} {}
  double uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(uniform() * static_cast<double>(n)); }

  /// Models of 60 MiB to 2.5 GiB, most of them small, read with 0.4 to 2.5 GiB/s after 0.2 s of setting up.
  eviction_candidate model(std::size_t number) {
    auto bytes = 62.9e6 * std::pow(42.0, uniform());
    auto seconds = 0.2 + bytes / (0.43e9 * std::pow(6.0, uniform()));
    std::chrono::microseconds reload{static_cast<std::int64_t>(seconds * 1e6)};
    return {{"s", "m" + std::to_string(number)}, static_cast<std::uint64_t>(bytes), {}, 0, reload};
  }

private:
  std::mt19937_64 random_;
};

/// Which model the i-th request is for. A kind of trace may put the models into an order of its own first.
using requester = std::function<std::size_t(std::size_t i)>;
using trace_kind = std::function<requester(trace&, dice&)>;

/// Models, a fifth of whose bytes fit, and requests for them, 5 s apart in the mean.
trace make_trace(std::uint64_t seed, std::size_t length, const trace_kind& kind) {
  trace x;
  dice random{seed};
  for (std::size_t i = 0; i < model_count; ++i) x.items.push_back(random.model(i));
  for (const auto& model : x.items) x.budget += model.bytes;
  x.budget /= 5;
  auto next = kind(x, random);
  auto now = time_point{} + std::chrono::hours{1};
  for (std::size_t i = 0; i < length; ++i) {
    now += std::chrono::microseconds{1 + static_cast<std::int64_t>(-5e6 * std::log1p(-random.uniform()))};
    x.requests.push_back({now, next(i)});
  }
  return x;
}

/// Draws 0, 1, 2 ... with probabilities as 1, 1/2^0.9, 1/3^0.9 ...
class zipf {
public:
  explicit zipf(std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) upto_.push_back(sum += std::pow(static_cast<double>(i + 1), -0.9));
  }
  std::size_t operator()(dice& random) const {
    auto it = std::ranges::upper_bound(upto_, random.uniform() * upto_.back());
    return std::min(static_cast<std::size_t>(it - upto_.begin()), upto_.size() - 1);
  }

private:
  std::vector<double> upto_;
};

auto popular_stay(trace&, dice& random) {
  return [&random, draw = zipf{model_count}](std::size_t) { return draw(random); };
}

/// Every 500 requests the ranks move on by seven models.
auto popular_change(trace&, dice& random) {
  return [&random, draw = zipf{model_count}](std::size_t i) {
    return (draw(random) + i / 500 * 7) % model_count;
  };
}

/// Models of up to 15 % more bytes than the memory has, one after the other, again and again.
auto loop(trace& x, dice&) {
  std::uint64_t bytes = 0;
  std::vector<std::size_t> members;
  for (std::size_t i = 0; i < model_count; ++i)
    if (bytes + x.items[i].bytes <= x.budget / 20 * 23) bytes += x.items[i].bytes, members.push_back(i);
  return [members](std::size_t i) { return members[i % members.size()]; };
}

/// Seven requests in ten go to a hot set of at most 60 % of the memory, the others to all the rest in turn.
auto scan_and_hot(trace& x, dice& random) {
  std::uint64_t bytes = x.items[0].bytes;
  std::size_t hot = 1;
  while (bytes + x.items[hot].bytes <= x.budget / 5 * 3) bytes += x.items[hot++].bytes;
  return [&random, hot, scan = std::size_t{0}](std::size_t) mutable {
    return random.uniform() < 0.7 ? random.below(hot) : hot + scan++ % (model_count - hot);
  };
}

/// The most popular is the smallest.
auto popular_small(trace& x, dice& random) {
  std::ranges::sort(x.items, {}, &eviction_candidate::bytes);
  return popular_stay(x, random);
}

/// The most popular is the largest.
auto popular_large(trace& x, dice& random) {
  std::ranges::sort(x.items, std::greater{}, &eviction_candidate::bytes);
  return popular_stay(x, random);
}

// -- the rows -------------------------------------------------------------------------------------------------

/// Runs one policy and the optimum on the same traces, one trace a seed.
void compare(const std::string& name, const eviction_policy& policy, const std::vector<trace>& traces,
             const std::vector<outcome>& optima) {
  std::vector<double> hits, best_hits, hit_ratios, spent, least_spent, spent_ratios;
  for (std::size_t i = 0; i < traces.size(); ++i) {
    auto got = cache{traces[i], policy}.run();
    hits.push_back(got.hit_rate);
    best_hits.push_back(optima[i].hit_rate);
    hit_ratios.push_back(got.hit_rate / optima[i].hit_rate);
    spent.push_back(got.reloading);
    least_spent.push_back(optima[i].reloading);
    spent_ratios.push_back(got.reloading / optima[i].reloading);
  }
  auto title = name + "; " + std::string{policy.name()};
  print({title, median(hits), "% hits", "offline optimum", median(best_hits), median(hit_ratios)});
  print({title + ", reloading", median(spent), "s", "offline optimum", median(least_spent),
         median(spent_ratios)});
}

} // namespace

void eviction(const options& x) {
  const std::pair<const char*, trace_kind> kinds[] = {{"Zipf", popular_stay},
                                                      {"Zipf, popular change", popular_change},
                                                      {"loop", loop},
                                                      {"scan and hot set", scan_and_hot},
                                                      {"Zipf, popular are small", popular_small},
                                                      {"Zipf, popular are large", popular_large}};
  auto lru = make_eviction_policy("lru").value();
  auto cost_aware = make_eviction_policy("cost-aware").value();
  for (const auto& [name, kind] : kinds) {
    std::vector<trace> traces;
    std::vector<outcome> optima;
    for (std::uint64_t seed = 1; seed <= (x.quick ? 1 : 9); ++seed) {
      traces.push_back(make_trace(seed, x.quick ? 500 : 8000, kind));
      optima.push_back(offline_optimum(traces.back()));
    }
    for (const auto* policy : {lru.get(), cost_aware.get()}) compare(name, *policy, traces, optima);
  }
}

} // namespace vef::bench
