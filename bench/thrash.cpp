// Two models of which one fits, each with clients of its own: how much of the time goes into loads? Beside
// the same without the guard, a minimum time in memory, under which every request displaces the other model.
#include "bench/bench.hpp"

#include <vef/supervisor/runtime.hpp>

#include <atomic>
#include <thread>

namespace vef::bench {

namespace {

using std::chrono::milliseconds;

constexpr auto load_takes = milliseconds{60};

struct slow_to_load final : loaded_model {
  result<void> embed(std::span<const pixels>, vector_rows rows, const embed_context&) override {
    std::this_thread::sleep_for(milliseconds{1});
    for (auto row : rows) row[0] = 1;
    return {};
  }
  std::uint64_t memory_bytes() const override { return 1000; }
};

struct two_models final : backend {
  std::vector<model_info> catalog() const override {
    std::vector<model_info> out;
    for (auto id : {"a", "b"}) {
      auto& x = out.emplace_back(model_info{.id = id, .name = id});
      x.embed_dim = 1;
      x.memory_estimate = 1000;
      x.prepare.width = x.prepare.height = 2;
    }
    return out;
  }
  result<std::unique_ptr<loaded_model>> load(const model_info&, const load_context&) override {
    std::this_thread::sleep_for(load_takes);
    return std::make_unique<slow_to_load>();
  }
};

struct outcome {
  double requests_per_second = 0;
  double loads_per_minute = 0;
};

outcome alternate(bool guarded, milliseconds span) {
  runtime_options options;
  or_throw(options.backends->add("two", {}, [](const backend_settings&) -> result<std::unique_ptr<backend>> {
    return std::make_unique<two_models>();
  }));
  options.memory_budget = 1500;
  options.monitor.interval = {};
  if (!guarded) {
    options.memory.residency.minimum = options.memory.residency.longest_minimum = {};
    options.memory.admission.drain_after = {};
  }
  runtime vef{options};
  auto target = or_throw(vef.create("two"));
  std::atomic<int> done = 0;
  auto end = std::chrono::steady_clock::now() + span;
  auto client = [&](const char* model) {
    auto picture = image::rgb(shared_bytes{std::vector<std::uint8_t>(12, 7)}, 2, 2, "picture");
    while (std::chrono::steady_clock::now() < end)
      if (target.embed({picture}, {.model = model}).all_ok()) ++done;
  };
  std::vector<std::thread> clients;
  for (auto model : {"a", "b", "a", "b"}) clients.emplace_back(client, model);
  for (auto& x : clients) x.join();
  std::uint64_t loads = 0;
  for (const auto& x : or_throw(vef.memory()).usage) loads += x.loads;
  auto took = std::chrono::duration<double>(span).count();
  return {done / took, static_cast<double>(loads) * 60 / took};
}

} // namespace

void thrash(const options& x) {
  auto span = milliseconds{x.quick ? 800 : 8000};
  auto with = alternate(true, span), without = alternate(false, span);
  print({"two models in turn, room for one", with.requests_per_second, "req/s", "no minimum time in memory",
         without.requests_per_second, with.requests_per_second / std::max(1e-9, without.requests_per_second),
         "> 1"});
  print({"the same, loads", with.loads_per_minute, "/min", "no minimum time in memory",
         without.loads_per_minute, with.loads_per_minute / std::max(1e-9, without.loads_per_minute),
         "bounded"});
}

} // namespace vef::bench
