#include <vef/actors/eviction.hpp>

#include <vef/messages/bytes.hpp>
#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <tuple>

namespace vef {

namespace {

using candidates = std::span<const eviction_candidate>;
using indexes = std::vector<std::size_t>;
using time_point = eviction_candidate::time_point;

// -- what both policies need --------------------------------------------------------------------------------

/// Saturates: the sum of what a broken measurement says must not come out small.
std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  auto most = std::numeric_limits<std::uint64_t>::max();
  return a > most - b ? most : a + b;
}

/// Seconds since the last use. In floating point, where no two time points are too far apart; never negative.
double age(const eviction_candidate& x, time_point now) {
  using seconds = std::chrono::duration<double>;
  return std::max(0.0, (seconds{now.time_since_epoch()} - seconds{x.last_used.time_since_epoch()}).count());
}

/// "312 s", "1.2 s", "40 ms".
std::string duration_text(double seconds) {
  std::array<char, 48> text{};
  if (seconds < 0.9995)
    std::snprintf(text.data(), text.size(), "%.0f ms", seconds * 1000);
  else
    std::snprintf(text.data(), text.size(), seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
  return text.data();
}

std::string idle_text(const eviction_candidate& x, time_point now) {
  return "not used for " + duration_text(age(x, now));
}

/// An order in which equal questions look equal, however the caller has listed the candidates: sums of
/// floating point numbers depend on their order.
indexes canonical_order(candidates all) {
  indexes order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  using key =
      std::tuple<time_point, std::uint64_t, std::uint64_t, std::chrono::microseconds, const model_key&>;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) {
    const auto& x = all[i];
    return key{x.last_used, ~x.bytes, x.uses, x.reload_time, x.who};
  });
  return order;
}

/// The shortest beginning of `order` that frees enough; empty if all of it does not.
indexes enough_of(candidates all, const indexes& order, std::uint64_t needed) {
  std::uint64_t freed = 0;
  auto end = order.begin();
  for (; end != order.end() && freed < needed; ++end) freed = plus(freed, all[*end].bytes);
  return freed < needed ? indexes{} : indexes{order.begin(), end};
}

/// Leaves out of `chosen` what the others make superfluous, trying them as they stand in `order`. One pass
/// will do: what can't be left out now can't be either when fewer are left.
void leave_out(candidates all, indexes& chosen, const indexes& order, std::uint64_t needed) {
  for (auto i : order) {
    std::uint64_t others = 0;
    for (auto j : chosen)
      if (j != i) others = plus(others, all[j].bytes);
    if (others >= needed) std::erase(chosen, i);
  }
}

// -- lru ----------------------------------------------------------------------------------------------------

/// The longest unused go first, until enough is free. Then those that could have been left out are, the
/// smallest first and of equally small ones the youngest, so that as many as possible stay. The score is
/// minus the seconds since the last use.
class lru final : public eviction_policy {
public:
  std::string_view name() const override { return "lru"; }

  std::vector<eviction_choice> choose(candidates all, std::uint64_t needed, time_point now) const override {
    auto chosen = enough_of(all, canonical_order(all), needed);
    indexes order{chosen.rbegin(), chosen.rend()};
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return all[i].bytes; });
    leave_out(all, chosen, order, needed);
    std::vector<eviction_choice> out;
    for (auto i : chosen) out.push_back({i, -age(all[i], now), idle_text(all[i], now)});
    return out;
  }
};

// -- cost-aware ---------------------------------------------------------------------------------------------

/// How many steps the search for the best set may take: enough to be exact for any 16 models, about a
/// millisecond. With more of them it may end early, and the best that it has found is taken.
constexpr std::size_t most_steps = std::size_t{1} << 17;

/// Finds which of some models to spare: those with the highest costs together that fit into the surplus. A
/// 0/1 knapsack, searched depth first with a bound after Dantzig ("Discrete-variable extremum problems",
/// Operations Research 5(2), 1957): no byte of the room left is worth more than one of the densest model not
/// decided on.
class knapsack {
public:
  struct thing {
    double cost = 0;
    std::uint64_t bytes = 0;
  };

  /// The densest first.
  explicit knapsack(std::vector<thing> things)
      : things_{std::move(things)}
      , taken_(things_.size()) {}

  /// Whether to take each of them.
  std::vector<bool> fill(std::uint64_t room) {
    best_ = taken_;
    step(0, room, 0);
    return best_;
  }

private:
  void step(std::size_t i, std::uint64_t room, double cost) {
    if (cost > best_cost_) best_ = taken_, best_cost_ = cost;
    if (i == things_.size() || steps_ == most_steps) return;
    ++steps_;
    const auto& x = things_[i];
    auto density = x.cost / static_cast<double>(x.bytes);
    if (cost + density * static_cast<double>(room) <= best_cost_) return;
    if (x.bytes <= room) {
      taken_[i] = true;
      step(i + 1, room - x.bytes, cost + x.cost);
      taken_[i] = false;
    }
    step(i + 1, room, cost);
  }

  std::vector<thing> things_;
  std::vector<bool> taken_, best_;
  double best_cost_ = 0;
  std::size_t steps_ = 0;
};

/// Takes the memory that is worth least, and of that the models that cost least. The rule:
///
/// 1. The cost of a model is the time to reload it x the chance that it is the next to be asked for of all
///    candidates. The chances are as sqrt(uses + 1) x T / (T + age), where age is the time since the last use
///    and T the greatest age. Recency thus counts up to twice, on the scale on which this memory turns over,
///    and popularity by its root: uses are counted since ever, and what was popular once need not be now. A
///    reload time that is not known is taken for that of as many bytes of the others; if none is known, 1 s
///    for a GiB.
/// 2. As in GreedyDual-Size-Frequency (L. Cherkasova, "Improving WWW proxies performance with
///    Greedy-Dual-Size-Frequency caching policy", HP Labs HPL-98-69R1, 1998) the cheapest by cost per byte
///    are taken until enough is free. Then those are spared that together cost most and could be left out:
///    the set that remains is the cheapest that frees enough, of these. The search is exact for up to 16.
/// 3. If a single candidate would free enough and cost less than this set, or as much as several, it goes
///    instead.
///
/// Why not the cheapest set of all candidates: it pays for the bytes that are needed now and takes no account
/// of what it frees beyond them. Large idle models would stay, because small ones are cheaper by the piece,
/// and the small ones would come and go: on the traces of bench/eviction.cpp it had fewer hits than lru where
/// popularity changes.
///
/// The score is the cost in seconds.
class cost_aware final : public eviction_policy {
public:
  std::string_view name() const override { return "cost-aware"; }

  std::vector<eviction_choice> choose(candidates all, std::uint64_t needed, time_point now) const override {
    auto order = canonical_order(all);
    auto cost = costs(all, order, now);
    auto density = [&](std::size_t i) { return cost[i] / static_cast<double>(std::max(all[i].bytes, one)); };
    std::ranges::stable_sort(order, {}, density);

    auto chosen = enough_of(all, order, needed);
    spare_dearest(all, cost, chosen, needed);
    prefer_single(all, cost, chosen, order, needed);
    std::ranges::stable_sort(chosen, {}, [&](std::size_t i) { return cost[i]; });
    std::vector<eviction_choice> out;
    for (auto i : chosen) out.push_back({i, cost[i], why(all[i], now)});
    return out;
  }

private:
  static constexpr std::uint64_t one = 1;

  static std::vector<double> costs(candidates all, const indexes& order, time_point now) {
    double oldest = 0, known_seconds = 0, known_bytes = 0;
    for (auto i : order) {
      oldest = std::max(oldest, age(all[i], now));
      if (all[i].reload_time.count() <= 0) continue;
      known_seconds += std::chrono::duration<double>(all[i].reload_time).count();
      known_bytes += static_cast<double>(all[i].bytes);
    }
    auto per_byte = known_bytes > 0 ? known_seconds / known_bytes : 0x1p-30;
    double weights = 0;
    std::vector<double> cost(all.size());
    for (auto i : order) {
      const auto& x = all[i];
      auto recency = oldest > 0 ? oldest / (oldest + age(x, now)) : 1;
      auto weight = std::sqrt(static_cast<double>(x.uses) + 1) * recency;
      auto reload = std::chrono::duration<double>(x.reload_time).count();
      cost[i] = weight * (reload > 0 ? reload : per_byte * static_cast<double>(std::max(x.bytes, one)));
      weights += weight;
    }
    for (auto& x : cost) x /= weights;
    return cost;
  }

  /// `chosen` is the cheapest per byte first.
  static void spare_dearest(candidates all, const std::vector<double>& cost, indexes& chosen,
                            std::uint64_t needed) {
    std::uint64_t freed = 0;
    std::vector<knapsack::thing> things;
    indexes order{chosen.rbegin(), chosen.rend()};
    for (auto i : order) {
      freed = plus(freed, all[i].bytes);
      things.push_back({cost[i], std::max(all[i].bytes, one)});
    }
    if (chosen.empty()) return;
    auto spared = knapsack{std::move(things)}.fill(freed - needed);
    for (std::size_t k = 0; k < order.size(); ++k)
      if (spared[k]) std::erase(chosen, order[k]);
    // For a search that ended early, and for costs so small that the sums did not show them.
    leave_out(all, chosen, order, needed);
  }

  static void prefer_single(candidates all, const std::vector<double>& cost, indexes& chosen,
                            const indexes& order, std::uint64_t needed) {
    if (chosen.empty()) return;
    double together = 0;
    for (auto i : chosen) together += cost[i];
    // Sums of equal costs differ in their last bits: a single one may cost so much more than several.
    if (chosen.size() > 1) together *= 1 + 1e-12;
    for (auto i : order)
      if (all[i].bytes >= needed && (cost[i] < together || (cost[i] <= together && chosen.size() > 1))) {
        chosen = {i};
        together = cost[i];
      }
  }

  static std::string why(const eviction_candidate& x, time_point now) {
    auto text = idle_text(x, now);
    if (x.reload_time.count() > 0)
      text += ", " + duration_text(std::chrono::duration<double>(x.reload_time).count()) + " to reload";
    return text + ", frees " + format_bytes(x.bytes);
  }
};

} // namespace

result<std::unique_ptr<eviction_policy>> make_eviction_policy(std::string_view name) {
  if (name == "lru") return std::make_unique<lru>();
  if (name == "cost-aware") return std::make_unique<cost_aware>();
  static const std::array<std::string, 2> names{"lru", "cost-aware"};
  return fail(errc::invalid_argument, unknown("eviction policy", name, names));
}

} // namespace vef
