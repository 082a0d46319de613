#include "support/catch.hpp"
#include "support/fake_backend.hpp"

#include <vef/supervisor/runtime.hpp>

#include <thread>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

struct facade {
  facade() {
    control->catalog = {fake_model("a"), fake_model("b")};
    options.backends = std::make_shared<backend_types>();
    options.work = {.cores = 2, .lanes = 1, .preparers = 1, .loaders = 1};
    REQUIRE(options.backends->add("fake", {.description = "for tests"},
                                  [this](const backend_settings&) -> result<std::unique_ptr<backend>> {
                                    return std::make_unique<fake_backend>(control);
                                  }));
  }

  std::shared_ptr<fake_control> control = std::make_shared<fake_control>();
  runtime_options options;
};

} // namespace

TEST_CASE_METHOD(facade, "pictures become vectors or errors in their order") {
  runtime x{options};
  auto service = or_throw(x.create("fake"));
  auto rows = service.embed({plain(1, 2, 3), broken(), plain(4, 5, 6)});
  REQUIRE(rows.size() == 3);
  CHECK(rows[0]);
  CHECK(rows[0].vector()[2] == 3);
  CHECK_FALSE(rows[1]);
  CHECK(rows[1].error().code == errc::not_a_picture);
  CHECK(rows[2].vector()[0] == 4);
  CHECK_FALSE(rows.all_ok());
  int good = 0;
  for (const auto& row : rows) good += row ? 1 : 0;
  CHECK(good == 2);
}

TEST_CASE_METHOD(facade, "a request that fails as a whole has its error in every row") {
  runtime x{options};
  auto service = or_throw(x.create("fake"));
  auto rows = service.embed({plain(1, 2, 3), plain(1, 2, 3)}, {.model = "aa"});
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].error().code == errc::unknown_model);
  CHECK(rows[1].vector().empty());
}

TEST_CASE_METHOD(facade, "several requests are under way at once") {
  runtime x{options};
  auto service = or_throw(x.create("fake"));
  std::vector<std::future<embeddings>> futures;
  for (std::uint8_t i = 0; i < 50; ++i) futures.push_back(service.embed_async({plain(i, i, i)}));
  for (std::uint8_t i = 0; i < 50; ++i) CHECK(futures[i].get()[0].vector()[0] == i);
}

TEST_CASE_METHOD(facade, "threads share one runtime") {
  runtime x{options};
  auto service = or_throw(x.create("fake"));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (std::uint8_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i)
        if (service.embed({plain(t, t, t)})[0].vector()[0] != t) ++wrong;
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(facade, "models are loaded and unloaded as asked") {
  runtime x{options};
  auto service = or_throw(x.create("fake"));
  CHECK(service.load("b")->state == model_state::ready);
  CHECK(service.load("zz").error().code == errc::unknown_model);
  REQUIRE(service.embed({plain(1, 1, 1)}).all_ok());
  CHECK(control->alive == 2);
  CHECK(x.unload_model("fake", "b")->size() == 1);
  CHECK(control->alive == 1);
  CHECK(x.unload_all()->size() == 1);
  CHECK(control->alive == 0);
  CHECK(x.unload_service("fake")->empty());
  CHECK(x.unload_service("nobody").error().code == errc::unknown_service);
}

TEST_CASE_METHOD(facade, "the unloading interface works by model and service and pressure and timeout") {
  options.memory_budget = 10000;
  runtime x{options};
  auto service = or_throw(x.create("fake"));
  auto load = [&] {
    for (auto id : {"a", "b"}) REQUIRE(service.load(id));
  };
  load();
  CHECK(or_throw(x.unload_by_pressure(0.9)).empty());
  CHECK(or_throw(x.unload_by_pressure(0.1)).size() == 1);
  CHECK(or_throw(x.unload_by_timeout()).empty());
  CHECK(or_throw(x.unload_by_timeout({.device = {}, .host = {}})).size() == 1);
  CHECK(control->alive == 0);
  CHECK(x.unload_by_pressure(2).error().code == errc::invalid_argument);
}

TEST_CASE_METHOD(facade, "a load is planned and models are pinned by name") {
  options.memory_budget = 1500;
  runtime x{options};
  auto service = or_throw(x.create("fake"));
  REQUIRE(service.load("a"));
  CHECK(or_throw(x.plan("fake", "b")).evictions.at(0).who.model == "a");
  REQUIRE(x.pin("fake", "a"));
  CHECK(or_throw(x.plan("fake", "b")).refusal.code == errc::over_budget);
  CHECK(service.load("b").error().code == errc::over_budget);
  CHECK(or_throw(x.memory()).devices.at(0).holdings.at(0).pinned);
  REQUIRE(x.unpin("fake", "a"));
  CHECK(service.load("b"));
  CHECK(x.pin("fake", "zz").error().code == errc::unknown_model);
  CHECK(x.plan("nobody").error().code == errc::unknown_service);
}

TEST_CASE_METHOD(facade, "options of memory that make no sense are refused when the runtime is made") {
  options.memory.policy = "fifo";
  CHECK_THROWS_AS(runtime{options}, failure);
  options.memory.policy = "cost-aware";
  options.idle.host = std::chrono::milliseconds{-1};
  CHECK_THROWS_AS(runtime{options}, failure);
}

TEST_CASE_METHOD(facade, "errors of the facade are those of the actors") {
  runtime x{options};
  CHECK(x.create("fkae").error().code == errc::unknown_backend);
  CHECK(x.find("fake").error().code == errc::unknown_service);
  CHECK_THROWS_WITH(or_throw(x.create("fkae")),
                    "unknown backend 'fkae'; did you mean 'fake'? (list the backends with 'vef status')");
  REQUIRE(x.create("fake"));
  CHECK(x.find("fake"));
  CHECK(x.remove("fake"));
  CHECK(x.find("fake").error().code == errc::unknown_service);
}

TEST_CASE_METHOD(facade, "a runtime that goes lets its requests finish and frees its models") {
  std::future<embeddings> last;
  {
    runtime x{options};
    last = or_throw(x.create("fake")).embed_async(std::vector<image>(20, plain(9, 9, 9)));
  }
  CHECK(last.get().all_ok());
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(facade, "a backend of a user's own is registered at run time") {
  struct mine final : backend {
    std::vector<model_info> catalog() const override { return {fake_model("m")}; }
    result<std::unique_ptr<loaded_model>> load(const model_info&, const load_context&) override {
      return std::make_unique<fake_loaded_model>(std::make_shared<fake_control>(), fake_model("m"),
                                                 tier::host);
    }
  };
  runtime x{options};
  REQUIRE(x.register_backend<mine>("mine", {.description = "my own"}));
  CHECK(x.register_backend<mine>("mine", {}).error().code == errc::duplicate_name);
  CHECK(or_throw(x.create("mine")).embed({plain(1, 2, 3)}).all_ok());
  CHECK(x.status()->backends.size() == 2);
  CHECK(x.models()->at(0).model.id == "m");
}
