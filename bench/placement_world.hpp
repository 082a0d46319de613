#pragma once

#include "bench/bench.hpp"

#include <vef/nodes/placement.hpp>
#include <vef/nodes/placement_book.hpp>

#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <queue>
#include <random>

// A simulated cluster: nodes with memory, models of all sizes, requests by Zipf's law, and time that is only
// counted.

namespace vef::bench::simulated {

using std::chrono::microseconds;
using time_point = std::chrono::steady_clock::time_point;

constexpr std::size_t node_count = 1000, model_count = 10'000;
constexpr std::uint64_t node_bytes = 8_GiB;
constexpr std::uint32_t pictures = 8;         // of a request
constexpr double requests_per_second = 5'000; // about 30 % of what all nodes could do
constexpr std::size_t most_tries = 4;
constexpr microseconds report_delay{100'000};

// Nodes that a load chooses from. To look at all 1,000 takes milliseconds, and does worse: owners that decide
// within the same moment, by the same reports, would all choose the one emptiest node. With all of them three
// times the bytes are loaded, and 1 answer in 100 takes longer than 19 s.
constexpr std::size_t sample = 32;

struct model {
  std::string name;
  std::uint64_t bytes = 0;
  microseconds load_time{}, image_time{};
};

struct request {
  time_point at;
  std::size_t which = 0; ///< of the models
};

struct workload {
  std::vector<model> models;
  std::vector<request> requests;
};

inline std::size_t some_node(std::mt19937_64& dice) {
  return std::uniform_int_distribution<std::size_t>{0, node_count - 1}(dice);
}

inline workload make_workload(std::size_t count) {
  std::mt19937_64 dice{11};
  auto uniform = [&](double from, double to) { return std::uniform_real_distribution{from, to}(dice); };
  workload out;
  std::vector<double> popularity;
  for (std::size_t i = 0; i < model_count; ++i) {
    auto bytes = std::exp(uniform(std::log(50.0 * (1 << 20)), std::log(2048.0 * (1 << 20))));
    auto gib = bytes / (1 << 30);
    out.models.push_back({"model-" + std::to_string(i), static_cast<std::uint64_t>(bytes),
                          microseconds{static_cast<int>(1e6 * gib)},
                          microseconds{static_cast<int>(2e3 + 1e4 * gib)}});
    popularity.push_back(1.0 / static_cast<double>(i + 1));
  }
  std::discrete_distribution<std::size_t> which{popularity.begin(), popularity.end()};
  std::exponential_distribution<double> pause{requests_per_second};
  double now = 0;
  for (std::size_t i = 0; i < count; ++i)
    out.requests.push_back(
        {time_point{microseconds{static_cast<std::int64_t>(1e6 * (now += pause(dice)))}}, which(dice)});
  return out;
}

// -- the nodes ----------------------------------------------------------------------------------------------

/// A model in a node's memory, or on its way there.
struct copy {
  std::size_t which = 0;
  bool ready = false;
  std::uint32_t active = 0; ///< requests
  time_point used{};
  std::vector<time_point> waiting = {}; ///< requests, since when
};

/// Works at one request after the other, and loads one model after the other meanwhile.
struct node {
  std::vector<copy> copies = {};
  std::uint64_t held = 0;
  std::uint32_t queued = 0; ///< pictures
  time_point works_until{}, loads_until{};
  double work = 0;                          ///< s, measured
  std::vector<std::size_t> unreported = {}; ///< models of which a load began
  place_candidate seen = {};                ///< as of its last report
  bool report_due = false;

  copy* find(std::size_t which) {
    auto x = std::ranges::find(copies, which, &copy::which);
    return x == copies.end() ? nullptr : &*x;
  }
};

struct event {
  enum class kind { loaded, done, report } what;
  time_point at;
  std::size_t node = 0, which = 0;
  bool operator>(const event& x) const { return at > x.at; }
};

struct outcome {
  double hits = 0, most = 0, high = 0, bytes = 0, total = 0, wait = 0, refused = 0;
};

class cluster {
public:
  explicit cluster(const workload& x)
      : load{x}
      , holders(x.models.size()) {
    for (std::size_t i = 0; i < node_count; ++i) {
      nodes.emplace_back();
      nodes.back().seen = {
          .node = "node-" + std::to_string(i), .service = "s", .offers = true, .usable = true};
      report(i);
    }
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& x : nodes) out.push_back(x.seen.node);
    return out;
  }

  const workload& load;
  std::vector<node> nodes;
  std::vector<std::vector<std::size_t>> holders; ///< of each model, known at once; a node's numbers are not
  std::function<void(std::size_t node, std::size_t which)> on_reported = [](auto, auto) {};
  time_point now{};

  /// Evicts what it must, the least recently used first; false where that is not enough.
  bool start_load(std::size_t at, std::size_t which) {
    auto& x = nodes[at];
    const auto& m = load.models[which];
    while (x.held + m.bytes > node_bytes) {
      copy* oldest = nullptr;
      for (auto& y : x.copies)
        if (y.ready && y.active == 0 && (!oldest || y.used < oldest->used)) oldest = &y;
      if (!oldest) return false;
      x.held -= load.models[oldest->which].bytes;
      std::erase(holders[oldest->which], at);
      x.copies.erase(x.copies.begin() + (oldest - x.copies.data()));
    }
    x.held += m.bytes;
    x.copies.push_back({.which = which, .used = now});
    x.unreported.push_back(which);
    holders[which].push_back(at);
    x.loads_until = std::max(x.loads_until, now) + m.load_time;
    events_.push({event::kind::loaded, x.loads_until, at, which});
    if (measured_) bytes_ += static_cast<double>(m.bytes);
    changed(at);
    return true;
  }

  /// False: refused, for there is no room.
  bool serve(std::size_t at, std::size_t which) {
    auto there = nodes[at].find(which);
    auto hit = there && there->ready;
    if (!there && !start_load(at, which)) return false;
    there = nodes[at].find(which);
    ++there->active;
    there->used = now;
    nodes[at].queued += pictures;
    if (measured_ && hit) ++hits_;
    if (hit)
      work(at, *there, now);
    else
      there->waiting.push_back(now);
    changed(at);
    return true;
  }

  /// `choose` is told the nodes that have refused this request. The first third only warms the caches.
  template <class Choose> outcome run(Choose&& choose) {
    for (std::size_t i = 0; i < load.requests.size(); ++i) {
      measured_ = i >= load.requests.size() / 3;
      pass_until(load.requests[i].at);
      std::vector<std::string> refused;
      auto done = false;
      for (std::size_t k = 0; k < most_tries && !done; ++k) {
        auto to = choose(load.requests[i].which, refused);
        if (!to) break;
        done = serve(*to, load.requests[i].which);
        refused.push_back(nodes[*to].seen.node);
      }
      if (measured_) ++measured_requests_, refused_ += done ? 0 : 1;
    }
    return result();
  }

private:
  void work(std::size_t at, const copy& x, time_point since) {
    auto& there = nodes[at];
    auto takes = pictures * load.models[x.which].image_time;
    there.works_until = std::max(there.works_until, now) + takes;
    events_.push({event::kind::done, there.works_until, at, x.which});
    if (!measured_) return;
    there.work += std::chrono::duration<double>(takes).count();
    waits_.push_back(std::chrono::duration<double, std::milli>(there.works_until - since).count());
  }

  void pass_until(time_point end) {
    for (; !events_.empty() && events_.top().at <= end;) {
      auto x = events_.top();
      events_.pop();
      now = x.at;
      if (x.what == event::kind::report) {
        report(x.node);
        continue;
      }
      auto& there = *nodes[x.node].find(x.which);
      if (x.what == event::kind::loaded) {
        there.ready = true;
        for (auto since : std::exchange(there.waiting, {})) work(x.node, there, since);
      } else {
        --there.active;
        nodes[x.node].queued -= pictures;
        auto& time = nodes[x.node].seen.image_time; // as a node measures another one's answers
        time = time.count() == 0 ? load.models[x.which].image_time
                                 : (7 * time + load.models[x.which].image_time) / 8;
      }
      changed(x.node);
    }
    now = end;
  }

  void changed(std::size_t at) {
    if (std::exchange(nodes[at].report_due, true)) return;
    events_.push({event::kind::report, now + report_delay, at});
  }

  void report(std::size_t at) {
    auto& x = nodes[at];
    std::uint64_t idle = 0;
    for (const auto& y : x.copies)
      if (y.ready && y.active == 0) idle += load.models[y.which].bytes;
    x.seen.devices = {{.capacity = node_bytes, .room = node_bytes - x.held, .idle = idle}};
    x.seen.queued = x.queued;
    x.report_due = false;
    for (auto which : std::exchange(x.unreported, {})) on_reported(at, which);
  }

  outcome result() {
    auto share = [](std::vector<double>& xs, double at) {
      std::ranges::sort(xs);
      return xs[static_cast<std::size_t>(at * static_cast<double>(xs.size() - 1))];
    };
    std::vector<double> works;
    for (const auto& x : nodes) works.push_back(x.work);
    auto mean = std::accumulate(works.begin(), works.end(), 0.0) / static_cast<double>(works.size());
    auto all = static_cast<double>(measured_requests_);
    return {.hits = 100 * hits_ / all,
            .most = share(works, 1) / mean,
            .high = share(works, 0.99) / mean,
            .bytes = bytes_ / all / (1 << 20),
            .total = bytes_ / (1ull << 40),
            .wait = share(waits_, 0.99),
            .refused = 100 * refused_ / all};
  }

  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  bool measured_ = false;
  std::size_t measured_requests_ = 0;
  double hits_ = 0, refused_ = 0, bytes_ = 0;
  std::vector<double> waits_; // ms, until the answer
};

} // namespace vef::bench::simulated
