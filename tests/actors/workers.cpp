#include "support/catch.hpp"

#include <vef/actors/workers.hpp>

#include <atomic>
#include <future>
#include <latch>
#include <thread>
#include <vector>

using namespace vef;
using namespace std::chrono_literals;

TEST_CASE("jobs run away from the caller and in order") {
  worker_pool pool{"test", 1, 1};
  std::vector<int> order;
  std::promise<void> done;
  auto caller = std::this_thread::get_id();
  std::thread::id worker;
  for (int i = 0; i < 3; ++i)
    pool.submit([&, i](unsigned) {
      order.push_back(i);
      worker = std::this_thread::get_id();
      if (i == 2) done.set_value();
    });
  REQUIRE(done.get_future().wait_for(10s) == std::future_status::ready);
  CHECK(order == std::vector{0, 1, 2});
  CHECK(worker != caller);
}

TEST_CASE("an idle pool gives a job all cores and a busy one shares them") {
  worker_pool pool{"test", 4, 4};
  std::promise<unsigned> alone;
  pool.submit([&](unsigned threads) { alone.set_value(threads); });
  CHECK(alone.get_future().get() == 4);

  // Four jobs that meet each other: the last to start knows of three others.
  std::latch all_started{4};
  std::atomic<unsigned> least = 99;
  std::latch all_done{4};
  for (int i = 0; i < 4; ++i)
    pool.submit([&](unsigned threads) {
      all_started.arrive_and_wait();
      for (auto seen = least.load(); threads < seen && !least.compare_exchange_weak(seen, threads);) {
      }
      all_done.count_down();
    });
  all_done.wait();
  CHECK(least == 1);
}

TEST_CASE("a job that throws does not take its thread along") {
  worker_pool pool{"test", 1, 1};
  std::promise<void> done;
  pool.submit([](unsigned) { throw std::runtime_error("on purpose"); });
  pool.submit([&](unsigned) { done.set_value(); });
  CHECK(done.get_future().wait_for(10s) == std::future_status::ready);
}

TEST_CASE("a thread that is stuck is left behind after a bounded time") {
  auto release = std::make_shared<std::promise<void>>();
  auto started = std::make_shared<std::promise<void>>();
  auto pool = std::make_unique<worker_pool>("test", 1, 1, 20ms);
  pool->submit([release, started](unsigned) {
    started->set_value();
    release->get_future().wait();
  });
  started->get_future().wait();
  auto begin = std::chrono::steady_clock::now();
  pool.reset();
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  release->set_value();
}

TEST_CASE("jobs that wait are dropped with the pool and what they hold is freed") {
  auto held = std::make_shared<int>();
  std::promise<void> started, release;
  {
    worker_pool pool{"test", 1, 1};
    pool.submit([&](unsigned) {
      started.set_value();
      release.get_future().wait();
    });
    started.get_future().wait();
    for (int i = 0; i < 10; ++i) pool.submit([held](unsigned) {});
    release.set_value();
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("a thread that only looks for more work takes no share of the cores") {
  std::promise<void> done;
  std::promise<unsigned> share;
  worker_pool pool{"test", 2, 2, 10s, 60s};
  pool.submit([&](unsigned) { done.set_value(); });
  done.get_future().wait();
  auto end = std::chrono::steady_clock::now() + 5s;
  while (pool.running() > 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  REQUIRE(pool.running() == 0);
  pool.submit([&](unsigned threads) { share.set_value(threads); });
  CHECK(share.get_future().get() == 2);
}
