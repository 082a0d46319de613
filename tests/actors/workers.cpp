#include "support/catch.hpp"
#include "support/hanging_job.hpp"

#include <vef/actors/workers.hpp>

#include <atomic>
#include <future>
#include <latch>
#include <thread>
#include <vector>

using namespace vef;
using namespace vef::test;
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

TEST_CASE("the time of a job is counted from its start") {
  worker_pool pool{"test", 1, 1};
  CHECK_FALSE(pool.running_for(0));
  CHECK_FALSE(pool.running_for(1));
  auto begin = std::chrono::steady_clock::now();
  hanging_job first{pool}, second{pool};
  REQUIRE(comes(first.started));
  CHECK_FALSE(pool.running_for(second.id));
  CHECK(eventually([&] { return pool.running_for(first.id) >= 5ms; }));
  CHECK(pool.running_for(first.id) <= std::chrono::steady_clock::now() - begin);

  auto handed_over = std::chrono::steady_clock::now();
  first.release();
  REQUIRE(comes(second.started));
  CHECK_FALSE(pool.running_for(first.id));
  CHECK(pool.running_for(second.id) <= std::chrono::steady_clock::now() - handed_over);
}

TEST_CASE("jobs have numbers that are not used again") {
  worker_pool pool{"test", 2, 1};
  executor::job_id last = 0;
  for (int i = 0; i < 1000; ++i) {
    auto id = pool.submit([](unsigned) {});
    REQUIRE(id > last);
    last = id;
  }
}

TEST_CASE("a job that comes while the pool ends is dropped") {
  auto pool = std::make_unique<worker_pool>("test", 1, 1, 60s);
  std::promise<void> started, release;
  std::promise<executor::job_id> late;
  auto& there = *pool;
  there.submit([&](unsigned) {
    started.set_value();
    release.get_future().wait();
    while (there.submit([](unsigned) {}) != 0) std::this_thread::yield();
    late.set_value(there.submit([](unsigned) {}));
  });
  started.get_future().wait();
  auto ended = std::async(std::launch::async, [&] { pool.reset(); });
  release.set_value();
  CHECK(late.get_future().get() == 0);
  CHECK(comes(ended));
}
