// Rows 1, 2, 3, 12 and 19 of the table of failures (README): whatever happens in whatever order, each request
// gets one reply.
#include "support/actor_fixture.hpp"

#include <spdlog/spdlog.h>

#include <random>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// One random history of requests, unloads, failing loads and choking models, with workers and actors taking
/// turns by chance.
class random_history : public actor_fixture {
public:
  explicit random_history(unsigned seed)
      : random_(seed)
      , service_(make_service(1 + seed % 3)) {
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

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    settle();
    pass(61s, 20s); // the longest time that any of the requests allows
    check();
  }

private:
  unsigned dice(unsigned n) { return static_cast<unsigned>(random_() % n); }

  std::string any_model() { return std::string(1, static_cast<char>('a' + dice(3))); }

  void step() {
    switch (dice(8)) {
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
      REQUIRE(reply->outcomes.size() == sizes_[i]);
      for (std::size_t k = 0; k < sizes_[i]; ++k)
        REQUIRE(reply->vectors.row(k)[1] == (reply->outcomes[k] ? 0.f : 60.f));
    }
    for (auto& x : unloads_) REQUIRE(*x);
    auto unloaded = ask<std::vector<unload_report>>(governor, unload_atom_v, unload_request{});
    REQUIRE(unloaded);
    REQUIRE(control->alive == 0);
    REQUIRE(host().reserved + host().resident == 0);
  }

  std::mt19937 random_;
  service_actor service_;
  std::vector<answer<embed_reply>> replies_;
  std::vector<std::size_t> sizes_;
  std::vector<answer<std::vector<unload_report>>> unloads_;
};

} // namespace

TEST_CASE("a thousand random histories leave no request without its reply and no byte behind") {
  spdlog::set_level(spdlog::level::off);
  for (unsigned seed = 0; seed < 1000; ++seed) {
    INFO("seed " << seed);
    random_history{seed}.run(60);
  }
  spdlog::set_level(spdlog::level::info);
}
