// Rows 4, 5, 13, 16 and 19 of the table of failures (README): whoever dies or gets stuck, and in whatever
// order, everything is back afterwards without a restart of the program, every request has its reply, and
// nothing is held by nobody.
#include "supervisor/node_fixture.hpp"

#include <random>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// A node whose backends throw, fail and get stuck by chance, and whose actors are killed.
class mortal_node : public node_fixture {
public:
  explicit mortal_node(unsigned seed)
      : random_(seed) {
    control->catalog = {fake_model("a"), fake_model("b"), fake_device_model("c")};
    control->devices = {{"gpu:0", 100000, 100000, 0, 0}};
    control->working = 50;
    options.memory.capacity = {{"host", 6000}, {"gpu:0", 4000}};
    options.memory.admission.limit = 5s;
    options.models.load_limit = 4s;
    options.supervision.seed = seed;
    control->on_load = [this] { return chance(8); };
    control->on_embed = [this](std::span<const pixels>) { return chance(8); };
    control->on_move = [this](tier) { return chance(8); };
    control->on_check = [this] { return chance(4); };
    start({service("x"), service("y"), service("z", {"x"})});
  }

  void run(int faults) {
    for (int i = 0; i < faults; ++i) {
      for (auto n = dice(4); n > 0; --n) request();
      fault();
      walk();
    }
  }

  /// No more faults: stuck threads come back, who was given up is reset, time passes.
  void recover() {
    calm_ = true;
    for (auto pool : {&lanes(), &loaders(), &preparers(), &checkers()}) pool->run_stuck();
    pass(12s, 100ms);
    for (auto name : {"x", "y", "z"})
      if (auto s = status_of(name).state; s == service_state::failed)
        REQUIRE(tell(reset_atom_v, name));
      else if (s == service_state::stopped)
        REQUIRE(tell(start_atom_v, name));
    pass(25s, 100ms);
    // A model whose load was made to fail is failed until it is tried again.
    for (auto service : {"x", "y", "z"})
      for (auto model : {"a", "b", "c"})
        REQUIRE(
            ask<embed_reply>(now().registry, embed_atom_v,
                             embed_request{.service = service, .model = model, .images = {plain(1, 2, 3)}}));
    pass(1s, 100ms);
  }

  std::vector<answer<embed_reply>> asked;

private:
  static service_spec service(std::string name, std::vector<std::string> needs = {}) {
    auto x = fake(std::move(name), std::move(needs));
    x.restart.most = 20;
    x.restart.window = 60s;
    x.restart.warm = true;
    x.restart.with_dependencies = true;
    x.health_check_interval = 500ms;
    x.health = {.deadline = 400ms, .misses = 3, .stuck_after = 2s, .canary = true};
    return x;
  }

  int dice(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  result<void> chance(int one_in) {
    if (calm_ || dice(one_in) > 0) return {};
    switch (dice(3)) {
    case 0: return fail(errc::embed_failed, "injected");
    case 1: throw std::bad_alloc{};
    default: throw std::runtime_error("injected");
    }
  }

  void request() {
    constexpr std::array services{"x", "y", "z", ""};
    constexpr std::array models{"a", "b", "c", ""};
    embed_request r{.service = services[random_() % 4], .model = models[random_() % 4]};
    for (auto n = 1 + dice(5); n > 0; --n) r.images.push_back(plain(1, 2, 3));
    r.time_allowed = std::chrono::milliseconds{500 + dice(8000)};
    r.replay = dice(2) == 0 ? replay::when_back : replay::never;
    if (auto handle = look<service_actor>(now_or_before().registry, find_atom_v, r.service); handle)
      note_model(*handle, r.model, models_);
    asked.push_back(send<embed_reply>(now_or_before().registry, embed_atom_v, std::move(r)));
  }

  node_actors now_or_before() {
    auto x = look<node_actors>(node.supervisor, find_atom_v);
    return x ? *x : node_actors{node.registry, node.governor};
  }

  void kill_one(const char* service) {
    auto handle = look<service_actor>(now_or_before().registry, find_atom_v, std::string{service});
    if (handle) caf::anon_send_exit(*handle, caf::exit_reason::kill);
  }

  void fault() {
    constexpr std::array services{"x", "y", "z"};
    auto service = services[random_() % 3];
    switch (dice(13)) {
    case 0: return kill_one(service);
    case 1: return caf::anon_send_exit(now_or_before().registry, caf::exit_reason::kill);
    case 2: return caf::anon_send_exit(now_or_before().governor, caf::exit_reason::kill);
    case 3: return get_stuck(lanes());
    case 4: return get_stuck(loaders());
    case 5: return get_stuck(checkers());
    case 6: return get_stuck(preparers());
    case 7:
      (void)send<std::vector<unload_report>>(now_or_before().governor, unload_atom_v, unload_request{});
      return;
    case 8:
      (void)send<std::vector<unload_report>>(node.supervisor, stop_atom_v, std::string{service});
      return;
    case 9: (void)send<service_status>(node.supervisor, start_atom_v, std::string{service}); return;
    case 10: return lanes().run_stuck();
    case 11:
      if (!models_->empty())
        caf::anon_send_exit((*models_)[random_() % models_->size()], caf::exit_reason::kill);
      return;
    default: (void)send<service_status>(node.supervisor, reset_atom_v, std::string{service}); return;
    }
  }

  void get_stuck(manual_executor& pool) {
    pool.stuck_for(5s);
    if (pool.waiting() > 0 && pool.status().running < pool.width()) pool.get_stuck();
  }

  /// Everybody does a bit, in an order of chance, and some time passes.
  void walk() {
    for (auto n = dice(12); n > 0; --n) {
      manual_executor* pools[] = {&lanes(), &loaders(), &preparers(), &checkers()};
      (void)pools[random_() % 4]->run_one();
      if (dice(2)) act();
    }
    pass_without_workers(std::chrono::milliseconds{dice(200)});
    act();
  }

  std::mt19937 random_;
  noted models_ = std::make_shared<std::vector<caf::strong_actor_ptr>>();
  bool calm_ = false;
};

} // namespace

TEST_CASE(
    "after a thousand faults everything is healthy, every request has its reply and nothing is leaked") {
  int served = 0, failed = 0;
  for (unsigned seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    mortal_node x{seed};
    x.run(100);
    x.recover();
    for (const auto& one : x.asked) {
      REQUIRE(*one); // each has exactly one
      if (!**one) {
        CHECK_FALSE((**one).error().what.empty());
        ++failed;
      } else {
        ++served;
      }
    }
    auto status = x.status();
    CHECK(status.health.state == health::healthy);
    INFO(status.health.reason);
    for (const auto& s : status.services) {
      CHECK(s.state == service_state::running);
      CHECK(s.health.state == health::healthy);
      for (const auto& m : s.models) CHECK(m.queued == 0);
    }
    for (const auto& pool : status.workers) CHECK(pool.stuck == 0);
    // Nothing is reserved or leased, and what is held is what models hold.
    std::uint64_t held = 0;
    for (const auto& device : status.memory.devices) {
      CHECK(device.reserved == 0);
      for (const auto& h : device.holdings) CHECK_FALSE(h.leased);
      held += device.resident;
    }
    CHECK(status.memory.waiting == 0);
    auto reports = x.ask<std::vector<unload_report>>(x.now().governor, unload_atom_v, unload_request{});
    REQUIRE(reports);
    CHECK(x.control->alive == 0);
    for (const auto& device : x.status().memory.devices) CHECK(device.holdings.empty());
    for (auto name : {"x", "y", "z"}) CHECK(x.embed(name));
  }
  CHECK(served > 100);
  CHECK(failed > 100);
}
