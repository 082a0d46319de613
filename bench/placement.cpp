// Where do requests find their models? 1,000 nodes of 8 GiB and 10,000 models, asked for by Zipf's law: how
// many requests find their model in memory, how even the work is, how many bytes are loaded, and how long a
// decision takes; beside a random node, nodes in turn, and one node a model by its hash. Time is simulated,
// the policies are the real ones.
#include "bench/placement_world.hpp"

namespace vef::bench {

namespace {

using namespace simulated;

// -- the policies -------------------------------------------------------------------------------------------

/// What the nodes of a cluster do: the one asked routes to those that have the model, a model's owner decides
/// which one loads it.
class placed {
public:
  explicit placed(cluster& x)
      : cluster_{x}
      , members_(x.names()) {
    for (std::size_t i = 0; i < members_.size(); ++i) numbers_[members_[i]] = i;
    x.on_reported = [this](std::size_t at, std::size_t which) {
      owned_by(which).seen(members_[at], {"s", cluster_.load.models[which].name});
    };
  }

  double routing = 0, loading = 0; ///< s
  std::size_t routes = 0, loads = 0;

  std::optional<std::size_t> operator()(std::size_t which, const std::vector<std::string>& refused) {
    const auto& m = cluster_.load.models[which];
    std::vector<place_candidate> there;
    std::optional<route> best;
    ++routes;
    routing += seconds([&] {
      for (auto i : cluster_.holders[which]) {
        there.push_back(cluster_.nodes[i].seen);
        there.back().ready = cluster_.nodes[i].find(which)->ready;
      }
      best = choose_route(there, pictures, dice_, {.model = m.name, .refused_by = refused});
    });
    if (!best) {
      if (!refused.empty()) owned_by(which).refused(refused.back(), {"s", m.name});
      return decide(which, {.model = m.name, .refused_by = refused});
    }
    auto out = numbers_.at(there[best->candidate].node);
    cluster_.nodes[out].seen.queued += pictures; // given to it since its report
    // As many loads at once as there are copies: those of a busy model double.
    auto copies = std::ranges::count(there, true, &place_candidate::ready);
    if (2 * copies > std::ssize(there) && pays_off(*best, m.load_time))
      if (auto more = decide(which, {.model = m.name, .replica = true});
          more && !cluster_.start_load(*more, which))
        owned_by(which).refused(members_[*more], {"s", m.name});
    return out;
  }

private:
  placement_book& owned_by(std::size_t which) {
    return books_[owner_of(cluster_.load.models[which].name, members_)];
  }

  std::optional<std::size_t> decide(std::size_t which, const place_request& asked) {
    const auto& m = cluster_.load.models[which];
    result<std::size_t> chosen{0};
    auto numbers = cluster_.holders[which];
    ++loads;
    loading += seconds([&] {
      auto& book = owned_by(which);
      for (std::size_t i = 0; i < sample; ++i) {
        auto one = some_node(dice_);
        if (std::ranges::find(numbers, one) == numbers.end()) numbers.push_back(one);
      }
      std::vector<place_candidate> from;
      for (auto i : numbers) {
        auto& x = from.emplace_back(cluster_.nodes[i].seen);
        auto there = cluster_.nodes[i].find(which);
        x.ready = there && there->ready;
        x.loading = (there && !there->ready) || book.loading(x.node, {"s", m.name}, cluster_.now);
        x.needs = {{"host", m.bytes}};
        x.pending = book.pending(x.node, cluster_.now);
      }
      chosen = choose_load(from, asked, &rule_);
      if (chosen && !from[*chosen].ready && !from[*chosen].loading)
        book.decide(m.name, {.node = from[*chosen].node, .service = "s"}, from[*chosen].needs, cluster_.now);
    });
    if (!chosen) return {};
    return numbers[*chosen];
  }

  cluster& cluster_;
  std::vector<std::string> members_;
  std::map<std::string, std::size_t> numbers_;
  std::map<std::string, placement_book> books_; // of each owner
  placement_rule rule_{.model = "*", .replicas = 100};
  std::mt19937_64 dice_{5};
};

outcome at_random(const workload& x) {
  std::mt19937_64 dice{5};
  return cluster{x}.run([&](std::size_t, const auto&) { return std::optional{some_node(dice)}; });
}

outcome in_turn(const workload& x) {
  std::size_t next = 0;
  return cluster{x}.run([&](std::size_t, const auto&) { return std::optional{next++ % node_count}; });
}

outcome by_hash(const workload& x) {
  cluster all{x};
  auto members = all.names();
  std::vector<std::size_t> owners;
  for (const auto& y : x.models)
    owners.push_back(
        static_cast<std::size_t>(std::ranges::find(members, owner_of(y.name, members)) - members.begin()));
  return all.run([&](std::size_t which, const std::vector<std::string>& refused) {
    return std::optional{(owners[which] + refused.size()) % node_count};
  });
}

void print_beside(const outcome& ours, const std::string& name, const outcome& peer) {
  auto one = [&](const char* what, const char* unit, double outcome::*figure) {
    auto b = peer.*figure;
    print({what, ours.*figure, unit, name, b, b > 0 ? ours.*figure / b : 0});
  };
  one("requests that find their model in memory", "%", &outcome::hits);
  one("work of the busiest node", "of mean", &outcome::most);
  one("work of the 99th of 100 nodes", "of mean", &outcome::high);
  one("loaded", "TiB", &outcome::total);
  one("loaded per request", "MiB", &outcome::bytes);
  one("time to the answer, 99 of 100", "ms", &outcome::wait);
  one("requests that found no room", "%", &outcome::refused);
}

} // namespace

void placement(const options& x) {
  auto work = make_workload(x.quick ? 20'000 : 300'000);
  cluster all{work};
  placed policy{all};
  auto ours = all.run(policy);
  print_beside(ours, "a random node", at_random(work));
  print_beside(ours, "nodes in turn", in_turn(work));
  print_beside(ours, "one node a model, by hash", by_hash(work));
  print({"decision: which node answers", 1e6 * policy.routing / static_cast<double>(policy.routes), "us"});
  print({"decision: which of " + std::to_string(sample) + " nodes loads, with the owner",
         1e6 * policy.loading / static_cast<double>(std::max<std::size_t>(1, policy.loads)), "us"});
}

} // namespace vef::bench
