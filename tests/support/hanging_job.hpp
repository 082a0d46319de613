#pragma once

#include <vef/actors/workers.hpp>

#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace vef::test {

/// Whether it is there in bounded time.
template <class T> bool comes(std::future<T>& x) {
  return x.wait_for(std::chrono::seconds{10}) == std::future_status::ready;
}

/// Whether it holds in bounded time.
template <class Predicate> bool eventually(Predicate holds) {
  for (auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10}; !holds();
       std::this_thread::yield())
    if (std::chrono::steady_clock::now() > end) return false;
  return true;
}

/// A job that hangs, as one in foreign code does, until it is released.
class hanging_job {
  struct state {
    std::promise<unsigned> started;
    std::promise<void> released, thread_ended;
  };
  std::shared_ptr<state> shared_ = std::make_shared<state>();
  bool released_ = false;

public:
  explicit hanging_job(executor& pool)
      : id(pool.submit([shared = shared_](unsigned threads) { hang(shared, threads); })) {}
  ~hanging_job() { release(); }
  hanging_job(const hanging_job&) = delete;
  hanging_job& operator=(const hanging_job&) = delete;

  void release() {
    if (!std::exchange(released_, true)) shared_->released.set_value();
  }

  const executor::job_id id;
  std::future<unsigned> started = shared_->started.get_future(); // with so many cores
  std::future<void> thread_ended = shared_->thread_ended.get_future();

private:
  static void hang(const std::shared_ptr<state>& shared, unsigned threads) {
    struct farewells {
      std::vector<std::shared_ptr<state>> to;
      ~farewells() {
        for (const auto& x : to) x->thread_ended.set_value();
      }
    };
    thread_local farewells all;
    all.to.push_back(shared);
    shared->started.set_value(threads);
    shared->released.get_future().wait();
  }
};

/// Keeps what is logged, and off the terminal.
class listener {
public:
  listener() {
    sinks().swap(before_);
    sinks().push_back(kept_);
  }
  ~listener() { sinks().swap(before_); }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  std::size_t heard(spdlog::level::level_enum level) const {
    auto all = kept_->last_raw();
    return static_cast<std::size_t>(std::ranges::count(all, level, &spdlog::details::log_msg_buffer::level));
  }

private:
  static std::vector<spdlog::sink_ptr>& sinks() { return spdlog::default_logger()->sinks(); }

  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> kept_ =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(100);
  std::vector<spdlog::sink_ptr> before_;
};

} // namespace vef::test
