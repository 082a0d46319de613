#include "torch_models.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

using namespace vef;
using namespace vef::test;

namespace {

std::uint64_t resident() { return process_memory(1); }

double mebibytes(double x) { return x / 1048576; }

// Bytes that a value grows by from one step to the next, by least squares.
double slope(const std::vector<double>& y) {
  auto n = static_cast<double>(y.size());
  double mean_x = (n - 1) / 2, mean_y = 0, xy = 0, xx = 0;
  for (auto v : y) mean_y += v / n;
  for (std::size_t i = 0; i < y.size(); ++i) {
    auto x = static_cast<double>(i) - mean_x;
    xy += x * (y[i] - mean_y);
    xx += x * x;
  }
  return xy / xx;
}

/// A model, and pictures to embed with it.
struct bench {
  explicit bench(const real_model& x)
      : made(torch_with(x.folder_path()))
      , info(made->catalog().at(0))
      , model(load_first(*made, 1))
      , pictures(noise(16, x.side))
      , got(16, info.embed_dim) {}

  // Gives what the pass says of its working memory.
  std::uint64_t pass(std::size_t count) {
    std::uint64_t working = 0;
    auto ok = model->embed(std::span{pictures}.first(count), got.spans().first(count), {1, &working});
    if (!ok) throw std::runtime_error(ok.error().what);
    return working;
  }

  std::uint64_t kept() const { return total(model->memory().working); }

  std::unique_ptr<backend> made;
  model_info info;
  std::unique_ptr<loaded_model> model;
  std::vector<pixels> pictures;
  rows got;
};

} // namespace

TEST_CASE("what a model holds in memory is its weights and the working memory of its passes") {
  for (const auto& x : real_models()) {
    VEF_NEEDS(x.folder_path());
    bench on{x};
    auto memory = on.model->memory();
    auto file = std::filesystem::file_size(x.folder_path() / (x.folder + ".pt"));
    INFO(x.id << " holds " << total(memory.weights) << " and " << total(memory.working) << ", its file "
              << file);
    CHECK(on.model->tier() == tier::host);
    CHECK(total(memory.weights) < file * 12 / 10 + 4_MiB); // the code of the network
    CHECK(total(memory.weights) > file * 8 / 10);
    CHECK(on.model->memory_bytes() == total(memory.weights) + total(memory.working));

    auto working = on.pass(8);
    CHECK(on.model->memory().weights == memory.weights);
    CHECK(on.kept() >= working);
    CHECK(on.model->memory_bytes() == total(memory.weights) + on.kept());
    std::cout << x.id << ": " << total(memory.weights) << " bytes of weights, " << working / 8
              << " of working memory for each of 8 pictures, estimated " << on.info.working_estimate << '\n';
    CHECK(working < on.info.working_estimate * 8);
    CHECK(working > on.info.working_estimate * 8 / 5);
  }
}

TEST_CASE("a pass says how much working memory it needs whatever came before it") {
  VEF_NEEDS(smallest_model().folder_path());
  bench on{smallest_model()};
  auto first = on.pass(8);
  CHECK(first > std::uint64_t{8} * 3 * 224 * 224 * 4);
  CHECK(on.pass(8) == first);
  auto large = on.pass(16);
  CHECK(large > first * 3 / 2);
  CHECK(on.pass(8) == first);
  auto small = on.pass(1);
  CHECK(small < first / 4);
  on.model->limit_working(0);
  CHECK(on.kept() == 0);
  CHECK(on.pass(1) == small);
}

TEST_CASE("the working memory of a large batch is given back after small ones") {
  VEF_NEEDS(smallest_model().folder_path());
  bench on{smallest_model()};
  on.pass(16);
  auto large = on.kept();
  for (int i = 0; i < 20; ++i) on.pass(1);
  CHECK(on.kept() < large / 3);
}

TEST_CASE("a limit gives working memory back and holds for the passes after it") {
  VEF_NEEDS(smallest_model().folder_path());
  bench on{smallest_model()};
  auto need = on.pass(16);
  CHECK(on.kept() >= need);
  auto before = resident();
  on.model->limit_working(need / 2);
  CHECK(on.kept() <= need / 2);
  CHECK(resident() < before - need / 3);
  std::vector<float> expected{on.got.values()};
  on.pass(16);
  CHECK(on.kept() <= need / 2);
  CHECK(on.got.values() == expected);
  on.model->limit_working(0);
  CHECK(on.kept() == 0);
  on.pass(3);
  CHECK(on.kept() == 0);
}

TEST_CASE("a limit bounds what passes of all sizes hold that run at once") {
  VEF_NEEDS(smallest_model().folder_path());
  bench on{smallest_model()};
  auto limit = 2 * on.pass(16);
  on.model->limit_working(limit);
  std::atomic<bool> over = false, done = false, failed = false;
  std::thread watch{[&] {
    while (!done) over = over || on.kept() > limit;
  }};
  std::vector<std::thread> threads;
  std::latch start{2};
  for (std::size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      rows got{16, on.info.embed_dim};
      start.arrive_and_wait();
      for (int round = 0; round < 5; ++round) {
        for (std::size_t count : {8, 1, 16, 3}) {
          auto ok = on.model->embed(std::span{on.pictures}.first(count), got.spans().first(count), {1});
          failed = failed || !ok;
        }
      }
    });
  }
  for (auto& x : threads) x.join();
  done = true;
  watch.join();
  CHECK_FALSE(failed);
  CHECK_FALSE(over);
  CHECK(on.kept() > 0);
  CHECK(on.kept() <= limit);
}

TEST_CASE("unloading gives back what loading and passes added") {
  for (const auto& x : real_models()) {
    VEF_NEEDS(x.folder_path());
    { // LibTorch keeps what its first pass makes
      bench warm{x};
      warm.pass(8);
    }
    auto before = resident();
    auto on = std::make_unique<bench>(x);
    on->pass(8);
    auto loaded = resident();
    on->model.reset();
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{1};
    auto returned = [&] {
      return (static_cast<double>(loaded) - static_cast<double>(resident()))
             / static_cast<double>(loaded - before);
    };
    while (returned() < 0.95 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    std::cout << x.id << ": " << mebibytes(static_cast<double>(before)) << " MiB resident, "
              << mebibytes(static_cast<double>(loaded)) << " after a load and 8 pictures, "
              << mebibytes(static_cast<double>(resident())) << " after the unload: " << 100 * returned()
              << " % returned\n";
    CHECK(returned() >= 0.95);
  }
}

TEST_CASE("loading and unloading again and again leaves no memory behind") {
  VEF_NEEDS(smallest_model().folder_path());
  auto made = torch_with(smallest_model().folder_path());
  auto pictures = noise(4, 224);
  rows got{4, 256};
  std::vector<double> after;
  for (int i = 0; i < 200; ++i) {
    REQUIRE(load_first(*made, 1)->embed(pictures, got.spans(), {1}));
    if (i >= 50) after.push_back(static_cast<double>(resident()));
  }
  auto growth = slope(after);
  std::cout << "resident memory over 150 loads and unloads: " << growth / 1024 << " KiB more each time, "
            << mebibytes(after.back()) << " MiB at the end\n";
  CHECK(growth < 2048);
}
