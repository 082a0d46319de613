// Rows 1, 2, 3, 12, 17 and 19 of the table of failures (README): whatever happens in whatever order, each
// request gets one reply.
#include "support/actor_fixture.hpp"

#include <spdlog/spdlog.h>

#include <random>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// Room for two models of three on the host, and for one on a device.
governor_options tight(unsigned seed) {
  governor_options x{.capacity = {{"host", 2500}, {"gpu:0", 1200}}, .slack = 0};
  x.policy = seed % 2 ? "lru" : "cost-aware";
  x.residency.minimum = std::chrono::milliseconds{seed % 3 * 200};
  x.admission.drain_after = std::chrono::milliseconds{seed % 5 * 300};
  x.admission.limit = 20s;
  return x;
}

/// One random history of requests, pins, pressure, unloads, failing loads and moves, and choking models, with
/// workers and actors taking turns by chance, in which models have to make room for each other.
class random_history : public actor_fixture {
public:
  explicit random_history(unsigned seed)
      : actor_fixture(tight(seed))
      , random_(seed) {
    control->catalog = {fake_model("a"), fake_model("b"), fake_device_model("c")};
    control->working = 50;
    service_ = make_service(seed % 4);
    control->on_move = [this](tier) -> result<void> {
      if (dice(6) == 0) return fail(errc::load_failed, "injected");
      return {};
    };
    control->on_load = [this]() -> result<void> {
      if (dice(6) == 0) return fail(errc::load_failed, "injected");
      if (dice(12) == 0) throw std::bad_alloc{};
      return {};
    };
    control->on_embed = [this](std::span<const pixels>) -> result<void> {
      if (dice(8) == 0) return fail(errc::embed_failed, "injected");
      if (dice(20) == 0) throw std::bad_alloc{};
      return {};
    };
  }

  /// How many of the requests got their vectors.
  int run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    for (auto id : {"a", "b", "c"}) caf::anon_send(service_, pin_atom_v, std::string{id}, false);
    caf::anon_send(governor, pressure_atom_v, std::vector<device_reading>{{"host", 100000, 90000, 0, 0}});
    settle();
    pass(61s, 100ms); // the longest time that any of the requests allows
    check();
    return served_;
  }

private:
  unsigned dice(unsigned n) { return static_cast<unsigned>(random_() % n); }

  std::string any_model() { return std::string(1, static_cast<char>('a' + dice(3))); }

  void step() {
    switch (dice(12)) {
    case 0:
    case 1: ask_embed(); break;
    case 2:
      unloads_.push_back(send<std::vector<unload_report>>(
          service_, unload_atom_v, any_model(), dice(2) ? unload_mode::when_done : unload_mode::if_idle));
      break;
    case 3:
      unloads_.push_back(send<std::vector<unload_report>>(governor, unload_atom_v, unload_request{}));
      break;
    case 4: act(); break;
    case 5: preparers().run_one(); break;
    case 6: lanes().run_one(); break;
    case 7: loaders().run_one(); break;
    case 8: caf::anon_send(service_, pin_atom_v, any_model(), dice(3) == 0); break;
    case 9: pass_without_workers(std::chrono::milliseconds{dice(1000)}); break;
    case 10: {
      auto free = dice(3) == 0 ? 2000u : 90000u;
      caf::anon_send(governor, pressure_atom_v, std::vector<device_reading>{{"host", 100000, free, 0, 0}});
      break;
    }
    case 11:
      unloads_.push_back(
          dice(2) ? send<std::vector<unload_report>>(governor, unload_atom_v, pressure_request{0.1})
                  : send<std::vector<unload_report>>(governor, unload_atom_v, idle_timeouts{100ms, 200ms}));
      break;
    }
  }

  void ask_embed() {
    std::vector<image> images;
    for (unsigned n = 1 + dice(6); n > 0; --n) images.push_back(dice(5) == 0 ? broken() : plain(50, 60, 70));
    auto x = request(images, any_model());
    x.time_allowed = std::chrono::seconds{1 + dice(60)};
    sizes_.push_back(images.size());
    replies_.push_back(send<embed_reply>(service_, embed_atom_v, x));
  }

  void check() {
    for (std::size_t i = 0; i < replies_.size(); ++i) {
      REQUIRE(*replies_[i]); // nobody waits for ever
      auto& reply = **replies_[i];
      if (!reply) continue;
      ++served_;
      REQUIRE(reply->outcomes.size() == sizes_[i]);
      for (std::size_t k = 0; k < sizes_[i]; ++k)
        REQUIRE(reply->vectors.row(k)[1] == (reply->outcomes[k] ? 0.f : 60.f));
    }
    for (auto& x : unloads_) REQUIRE(*x);
    for (const auto& x : memory().devices) REQUIRE(x.reserved + x.resident + x.working <= x.capacity);
    REQUIRE(memory().waiting == 0);
    auto unloaded = ask<std::vector<unload_report>>(governor, unload_atom_v, unload_request{});
    REQUIRE(unloaded);
    REQUIRE(control->alive == 0);
    for (const auto& x : memory().devices) REQUIRE(x.reserved + x.resident + x.working == 0);
  }

  std::mt19937 random_;
  service_actor service_;
  int served_ = 0;
  std::vector<answer<embed_reply>> replies_;
  std::vector<std::size_t> sizes_;
  std::vector<answer<std::vector<unload_report>>> unloads_;
};

} // namespace

TEST_CASE("a thousand random histories leave no request without its reply and no byte behind") {
  spdlog::set_level(spdlog::level::off);
  auto served = 0;
  for (unsigned seed = 0; seed < 1000; ++seed) {
    INFO("seed " << seed);
    served += random_history{seed}.run(60);
  }
  CHECK(served > 2000); // of some ten thousand, with so much going wrong
  spdlog::set_level(spdlog::level::info);
}
