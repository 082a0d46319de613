#include "support/catch.hpp"
#include "support/hanging_job.hpp"

#include <vef/actors/workers.hpp>

#include <pthread.h>

#include <algorithm>
#include <future>
#include <memory>
#include <random>
#include <vector>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

// As long as it lives the machine creates no thread: no address space has room for the stack.
class no_more_threads {
public:
  no_more_threads() {
    pthread_getattr_default_np(&before_);
    auto wanted = before_;
    pthread_attr_setstacksize(&wanted, std::size_t{1} << 47);
    pthread_setattr_default_np(&wanted);
  }
  ~no_more_threads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  no_more_threads(const no_more_threads&) = delete;
  no_more_threads& operator=(const no_more_threads&) = delete;

private:
  pthread_attr_t before_{};
};

worker_status counts(unsigned threads, unsigned running, unsigned waiting, unsigned stuck, unsigned retired) {
  return {"test", threads, running, waiting, stuck, retired};
}

// Jobs that come, are given up and come back, beside a count by hand of what the pool should say of them.
class random_history {
public:
  explicit random_history(unsigned seed)
      : random_(seed) {}

  void run(int steps) {
    for (; steps > 0; --steps) {
      switch (random_() % 3) {
      case 0: jobs_.push_back({std::make_unique<hanging_job>(*pool_)}); break;
      case 1: retire(); break;
      case 2: release(); break;
      }
      start_those_that_can();
      REQUIRE(eventually([&] { return pool_is_as_expected(); }));
    }
    end();
  }

private:
  enum class phase { waiting, running, stuck, ended };

  struct entry {
    std::unique_ptr<hanging_job> job;
    phase now = phase::waiting;
  };

  unsigned count(phase x) const { return static_cast<unsigned>(std::ranges::count(jobs_, x, &entry::now)); }

  void retire() {
    if (jobs_.empty()) return;
    auto& x = jobs_[random_() % jobs_.size()];
    REQUIRE(pool_->retire(x.job->id) == (x.now == phase::running));
    if (x.now != phase::running) return;
    x.now = phase::stuck;
    ++retired_;
  }

  void release() {
    if (jobs_.empty()) return;
    auto& x = jobs_[random_() % jobs_.size()];
    if (x.now == phase::waiting) return;
    x.job->release();
    if (x.now == phase::stuck) REQUIRE(comes(x.job->thread_ended));
    x.now = phase::ended;
  }

  void start_those_that_can() {
    while (count(phase::running) < width_ && count(phase::waiting) > 0) {
      auto& x = *std::ranges::find(jobs_, phase::waiting, &entry::now);
      x.now = phase::running;
      REQUIRE(comes(x.job->started));
      REQUIRE(x.job->started.get() == 6 / std::min(width_, count(phase::running) + count(phase::waiting)));
    }
  }

  bool pool_is_as_expected() const {
    return pool_->status()
               == counts(width_, count(phase::running), count(phase::waiting), count(phase::stuck), retired_)
           && std::ranges::all_of(jobs_, [&](const entry& x) {
                return pool_->running_for(x.job->id).has_value()
                       == (x.now == phase::running || x.now == phase::stuck);
              });
  }

  void end() {
    for (auto& x : jobs_)
      if (x.now != phase::stuck) x.job->release(); // those that wait as well: a thread may still take one
    pool_.reset();
    for (auto& x : jobs_) x.job->release();
    for (auto& x : jobs_)
      if (x.now != phase::waiting) REQUIRE(comes(x.job->thread_ended));
  }

  std::mt19937 random_;
  unsigned width_ = static_cast<unsigned>(1 + random_() % 3);
  std::unique_ptr<worker_pool> pool_ =
      std::make_unique<worker_pool>("test", width_, 6, 60s, std::chrono::microseconds{random_() % 2 * 50});
  std::vector<entry> jobs_;
  unsigned retired_ = 0;
};

} // namespace

TEST_CASE("a stuck job is retired and another runs in its place") {
  listener quiet;
  worker_pool pool{"test", 1, 1};
  hanging_job stuck{pool}, next{pool};
  REQUIRE(comes(stuck.started));
  CHECK(pool.status() == counts(1, 1, 1, 0, 0));

  CHECK(pool.retire(stuck.id));
  REQUIRE(comes(next.started));
  CHECK(pool.status() == counts(1, 1, 0, 1, 1));
  CHECK(pool.running() == 1);
  CHECK(pool.width() == 1);
  CHECK(pool.running_for(stuck.id));
  CHECK(pool.running_for(next.id));
}

TEST_CASE("a thread that comes back after it was given up ends and takes no job along") {
  listener log;
  worker_pool pool{"test", 1, 1};
  hanging_job stuck{pool}, next{pool}, last{pool};
  REQUIRE(comes(stuck.started));
  REQUIRE(pool.retire(stuck.id));
  REQUIRE(comes(next.started));
  CHECK(log.heard(spdlog::level::err) == 1);

  stuck.release();
  REQUIRE(comes(stuck.thread_ended));
  CHECK(pool.status() == counts(1, 1, 1, 0, 1));
  CHECK_FALSE(pool.running_for(stuck.id));
  CHECK(log.heard(spdlog::level::info) == 1);
  CHECK(log.heard(spdlog::level::critical) == 0);

  next.release();
  CHECK(comes(last.started));
  last.release();
  CHECK(eventually([&] { return pool.status() == counts(1, 0, 0, 0, 1); }));
}

TEST_CASE("only a job that runs can be retired, and only once") {
  listener quiet;
  worker_pool pool{"test", 1, 1};
  hanging_job first{pool}, second{pool};
  REQUIRE(comes(first.started));
  CHECK_FALSE(pool.retire(0));
  CHECK_FALSE(pool.retire(second.id));
  CHECK_FALSE(pool.retire(second.id + 1));
  CHECK(pool.status() == counts(1, 1, 1, 0, 0));

  CHECK(pool.retire(first.id));
  CHECK_FALSE(pool.retire(first.id));
  first.release();
  REQUIRE(comes(first.thread_ended));
  CHECK_FALSE(pool.retire(first.id));

  second.release();
  REQUIRE(eventually([&] { return pool.running() == 0 && pool.status().waiting == 0; }));
  CHECK_FALSE(pool.retire(second.id));
  CHECK_FALSE(pool.retire(0));
  CHECK(pool.status() == counts(1, 0, 0, 0, 1));
}

TEST_CASE("a job gets the cores of those that are stuck") {
  listener quiet;
  worker_pool pool{"test", 2, 8};
  hanging_job first{pool};
  REQUIRE(comes(first.started));
  CHECK(first.started.get() == 8);
  hanging_job second{pool};
  REQUIRE(comes(second.started));
  CHECK(second.started.get() == 4);
  REQUIRE(pool.retire(first.id));
  REQUIRE(pool.retire(second.id));
  hanging_job third{pool};
  REQUIRE(comes(third.started));
  CHECK(third.started.get() == 8);
}

TEST_CASE("the end of a pool does not wait for a stuck thread that was given up") {
  listener log;
  auto pool = std::make_unique<worker_pool>("test", 2, 1, 60s);
  hanging_job stuck{*pool};
  REQUIRE(comes(stuck.started));
  REQUIRE(pool->retire(stuck.id));
  auto begin = std::chrono::steady_clock::now();
  pool.reset();
  CHECK(std::chrono::steady_clock::now() - begin < 20s);
  CHECK(log.heard(spdlog::level::err) == 2);

  stuck.release();
  CHECK(comes(stuck.thread_ended));
  CHECK(log.heard(spdlog::level::info) == 0);
}

TEST_CASE("the end of a pool waits for what runs beside a stuck thread") {
  listener quiet;
  auto pool = std::make_unique<worker_pool>("test", 1, 1, 60s);
  hanging_job stuck{*pool}, busy{*pool};
  REQUIRE(comes(stuck.started));
  REQUIRE(pool->retire(stuck.id));
  REQUIRE(comes(busy.started));
  auto ended = std::async(std::launch::async, [&] { pool.reset(); });
  CHECK(ended.wait_for(50ms) == std::future_status::timeout);
  busy.release();
  CHECK(comes(ended));
}

TEST_CASE("a pool that gets no thread for a stuck one goes on with fewer until a job comes") {
  listener log;
  worker_pool pool{"test", 2, 2};
  hanging_job stuck{pool}, busy{pool};
  REQUIRE(comes(stuck.started));
  REQUIRE(comes(busy.started));
  {
    no_more_threads limit;
    CHECK(pool.retire(stuck.id));
    CHECK(pool.status() == counts(1, 1, 0, 1, 1));
    CHECK(log.heard(spdlog::level::critical) == 1);
    CHECK(pool.retire(busy.id));
    CHECK(pool.status() == counts(0, 0, 0, 2, 2));
    CHECK(pool.width() == 2);
    CHECK(pool.submit([](unsigned) {}) != 0);
    CHECK(pool.status() == counts(0, 0, 1, 2, 2));
  }
  hanging_job next{pool};
  REQUIRE(comes(next.started));
  CHECK(eventually([&] { return pool.status() == counts(2, 1, 0, 2, 2); }));
}

TEST_CASE("three hundred random histories keep the counts right") {
  listener quiet;
  for (unsigned seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    random_history{seed}.run(30);
  }
}
