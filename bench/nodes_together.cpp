// How much faster do two and four nodes do a large batch than one? On one machine that says something if each
// is held to its share of the cores, or waits instead of computing, as for a device that is elsewhere: the
// rows say which it was.
#include "bench/bench.hpp"
#include "bench/core_share.hpp"
#include "bench/node_group.hpp"

namespace vef::bench {

namespace {

using namespace std::chrono_literals;

/// Nodes, and what asks all of them.
struct competitor {
  competitor(std::size_t count, const node_plan& each)
      : nodes(count, each)
      , client(nodes.addresses(count), each.tls) {}

  /// False if this user may not.
  bool hold_to(double cores) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      auto share = core_share::give(nodes[i].id(), cores);
      if (!share) return false;
      shares.push_back(std::move(*share));
    }
    return true;
  }

  double pictures_per_second(std::uint32_t pictures) {
    embed_request request{.model = "small"};
    for (std::uint32_t i = 0; i < pictures; ++i) request.images.push_back(numbered_picture(i, 8));
    return pictures / seconds([&] {
             auto reply = client.work().embed(std::move(request));
             for (const auto& row : reply)
               if (!row) throw failure{row.error()};
           });
  }

  std::vector<core_share> shares; // first, since groups end after the processes in them
  node_group nodes;
  connection client;
};

using competitors = std::vector<std::unique_ptr<competitor>>;

competitors with_cost(picture_cost cost, const run_folder& folder) {
  competitors out;
  for (auto count : {1u, 2u, 4u})
    out.push_back(std::make_unique<competitor>(count, node_plan{.tls = folder.certificates(), .cost = cost}));
  return out;
}

// Something is left for this program, which has to ask.
double share_of_each(const options& x) {
  auto cores = x.threads ? x.threads : std::max(1u, std::thread::hardware_concurrency());
  return std::min(1.0, 0.7 * cores / 4);
}

} // namespace

void nodes_together(const options& x) {
  run_folder folder;
  auto cores = share_of_each(x);
  auto all = with_cost({.computes = 1ms}, folder);
  auto held = std::ranges::all_of(all, [&](auto& one) { return one->hold_to(cores); });
  if (!held) {
    all.clear();
    all = with_cost({.waits = 3ms}, folder);
  }
  std::uint32_t pictures = x.quick ? 128 : 1024;
  std::vector<double> speed[3], ratio[3];
  for (int round = -1; round < (x.quick ? 1 : 3); ++round) {
    double one = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      auto now = all[i]->pictures_per_second(round < 0 ? 64 : pictures);
      if (i == 0) one = now;
      if (round < 0) continue; // warm
      speed[i].push_back(now);
      ratio[i].push_back(now / one);
    }
  }
  char how[32] = "waiting for a device";
  if (held) std::snprintf(how, sizeof how, "of %.2f cores", cores);
  auto row = [&](const char* name, std::size_t i, const char* target) {
    print({std::string{name} + how, median(speed[i]), "images/s", "1 node", median(speed[0]),
           median(ratio[i]), target});
  };
  row("a large batch, 2 nodes ", 1, "1.9");
  row("a large batch, 4 nodes ", 2, "3.6");
}

} // namespace vef::bench
