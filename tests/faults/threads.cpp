// The same with real threads, where the sanitizers can see races.
#include "support/catch.hpp"
#include "support/fake_backend.hpp"

#include <vef/supervisor/instance.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <mutex>
#include <random>
#include <thread>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// A backend whose models fail by chance, safe to use from several threads.
class flaky_backend final : public backend {
public:
  explicit flaky_backend(std::shared_ptr<std::atomic<int>> alive)
      : alive_(std::move(alive)) {}

  std::vector<model_info> catalog() const override {
    return {fake_model("a"), fake_model("b"), fake_model("c")};
  }

  result<std::unique_ptr<loaded_model>> load(const model_info&, const load_context&) override {
    if (chance(6)) throw std::runtime_error("injected");
    return std::make_unique<flaky_model>(*this);
  }

private:
  struct flaky_model final : loaded_model {
    explicit flaky_model(flaky_backend& x)
        : owner(x)
        , alive(x.alive_) {
      ++*alive;
    }
    ~flaky_model() override { --*alive; }

    result<void> embed(std::span<const pixels> images, vector_rows rows, const embed_context&) override {
      if (owner.chance(10)) return fail(errc::embed_failed, "injected");
      if (owner.chance(30)) throw std::bad_alloc{};
      for (std::size_t i = 0; i < images.size(); ++i)
        std::ranges::fill(rows[i], static_cast<float>(images[i].rgb[0]));
      return {};
    }
    std::uint64_t memory_bytes() const override { return 1000; }
    unsigned concurrency() const override { return 4; }

    flaky_backend& owner;
    std::shared_ptr<std::atomic<int>> alive;
  };

  bool chance(unsigned one_in) {
    std::lock_guard lock{mutex_};
    return random_() % one_in == 0;
  }

  std::shared_ptr<std::atomic<int>> alive_;
  std::mutex mutex_;
  std::mt19937 random_{5};
};

} // namespace

TEST_CASE("many clients and a reaper get along with models that fail") {
  spdlog::set_level(spdlog::level::off);
  auto alive = std::make_shared<std::atomic<int>>(0);
  caf::actor_system_config config;
  add_message_types(config);
  {
    caf::actor_system system{config};
    instance_options options;
    options.work = {.cores = 2, .lanes = 2, .preparers = 2, .loaders = 2};
    options.services = {{.name = "flaky"}};
    options.services[0].max_loaded_models = 2;
    REQUIRE(
        options.types->add("flaky", {}, [alive](const backend_settings&) -> result<std::unique_ptr<backend>> {
          return std::make_unique<flaky_backend>(alive);
        }));
    auto node = vef::spawn(system, options).value();

    std::atomic<int> good = 0, bad = 0, lost = 0;
    std::atomic<bool> stop = false;
    auto client = [&](unsigned seed) {
      caf::scoped_actor self{system};
      std::mt19937 random{seed};
      for (int i = 0; i < 150; ++i) {
        auto colour = static_cast<std::uint8_t>(random() % 256);
        embed_request x{.model = std::string(1, static_cast<char>('a' + random() % 3)),
                        .images = std::vector<image>(1 + random() % 9, plain(colour, 0, 0))};
        auto count = x.images.size();
        self->request(node.registry, 60s, embed_atom_v, std::move(x))
            .receive(
                [&](embed_reply& reply) {
                  auto right = reply.outcomes.size() == count;
                  for (std::size_t k = 0; right && k < count; ++k)
                    right = reply.vectors.row(k)[0] == (reply.outcomes[k] ? 0.f : static_cast<float>(colour));
                  ++(right ? good : lost);
                },
                [&](caf::error& why) {
                  auto code = from_caf(why).code;
                  ++(code == errc::load_failed || code == errc::unavailable ? bad : lost);
                });
      }
    };
    std::thread reaper{[&] {
      caf::scoped_actor self{system};
      while (!stop)
        self->request(node.governor, 60s, unload_atom_v, unload_request{})
            .receive([](std::vector<unload_report>&) {}, [&](caf::error&) { ++lost; });
    }};
    std::vector<std::thread> clients;
    for (unsigned i = 0; i < 4; ++i) clients.emplace_back(client, i);
    for (auto& x : clients) x.join();
    stop = true;
    reaper.join();

    CHECK(lost == 0);
    CHECK(good + bad == 600);
    CHECK(good > 100);
    caf::scoped_actor self{system};
    self->request(node.supervisor, 60s, shutdown_atom_v, std::chrono::milliseconds{30000})
        .receive([] {}, [](caf::error& why) { FAIL(from_caf(why).what); });
  }
  CHECK(*alive == 0);
  spdlog::set_level(spdlog::level::info);
}
