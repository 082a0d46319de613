#include <vef/actors/workers.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <pthread.h>
#include <spdlog/spdlog.h>

namespace vef {

/// What the threads share. It outlives the pool if one of them is stuck.
struct worker_pool::core {
  std::string name;
  unsigned cores = 1;
  unsigned width = 1;
  std::chrono::microseconds lingering{0};

  std::mutex mutex;
  std::condition_variable work_or_stop;
  std::condition_variable thread_ended;
  std::deque<work_item> waiting;
  std::atomic<bool> work_or_stop_hint = false; // so that a thread may look without the lock
  unsigned running = 0;
  unsigned alive = 0;
  bool stop = false;

  void run() {
    std::unique_lock lock{mutex};
    for (;;) {
      work_or_stop.wait(lock, [this] { return stop || !waiting.empty(); });
      if (stop) break;
      auto work = std::move(waiting.front());
      waiting.pop_front();
      work_or_stop_hint = !waiting.empty();
      ++running;
      auto wanted = std::min<std::size_t>(width, running + waiting.size());
      auto threads = std::max(1u, cores / static_cast<unsigned>(wanted));
      lock.unlock();
      run_one(work, threads);
      work = nullptr; // what the job holds is freed before the lock is taken again
      lock.lock();
      --running;
      if (waiting.empty()) linger(lock);
    }
    --alive;
    thread_ended.notify_all();
  }

  // Waking a thread takes longer than a short job: one that has just worked looks for more for a moment, and
  // lets others have its core meanwhile.
  void linger(std::unique_lock<std::mutex>& lock) const {
    if (lingering.count() == 0) return;
    lock.unlock();
    auto end = std::chrono::steady_clock::now() + lingering;
    while (!work_or_stop_hint && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    lock.lock();
  }

  void run_one(const work_item& work, unsigned threads) noexcept {
    try {
      work(threads);
    } catch (const std::exception& e) {
      spdlog::critical("a job of {} threw '{}': whoever waits for it will wait until its deadline", name,
                       e.what());
    } catch (...) {
      spdlog::critical("a job of {} threw: whoever waits for it will wait until its deadline", name);
    }
  }
};

worker_pool::worker_pool(std::string name, unsigned width, unsigned cores, std::chrono::milliseconds patience,
                         std::chrono::microseconds lingering)
    : core_(std::make_shared<core>())
    , width_(std::max(1u, width))
    , patience_(patience) {
  core_->name = std::move(name);
  core_->width = width_;
  core_->cores = std::max(1u, cores);
  core_->alive = width_;
  core_->lingering = lingering;
  for (unsigned i = 0; i < width_; ++i) {
    std::thread thread{[shared = core_] { shared->run(); }};
    auto label = (core_->name + '-' + std::to_string(i)).substr(0, 15); // the kernel's limit
    pthread_setname_np(thread.native_handle(), label.c_str());
    thread.detach(); // the destructor waits for them by `alive`, which it can do for a bounded time
  }
}

worker_pool::~worker_pool() {
  std::deque<work_item> dropped;
  std::unique_lock lock{core_->mutex};
  core_->stop = true;
  core_->work_or_stop_hint = true;
  dropped.swap(core_->waiting);
  core_->work_or_stop.notify_all();
  auto ended = core_->thread_ended.wait_for(lock, patience_, [this] { return core_->alive == 0; });
  if (!ended) spdlog::error("{} of the {} threads are stuck and are left behind", core_->alive, core_->name);
}

void worker_pool::submit(work_item work) {
  {
    std::lock_guard lock{core_->mutex};
    if (core_->stop) return;
    core_->waiting.push_back(std::move(work));
    core_->work_or_stop_hint = true;
  }
  core_->work_or_stop.notify_one();
}

unsigned worker_pool::running() const {
  std::lock_guard lock{core_->mutex};
  return core_->running;
}

workers make_workers(worker_counts counts) {
  auto all = std::max(1u, std::thread::hardware_concurrency());
  auto cores = counts.cores ? counts.cores : all;
  using namespace std::chrono_literals;
  return {std::make_shared<worker_pool>("vef-lane", counts.lanes ? counts.lanes : cores, cores, 10s, 50us),
          std::make_shared<worker_pool>("vef-prepare", counts.preparers ? counts.preparers : all, 1),
          std::make_shared<worker_pool>("vef-load", counts.loaders, cores),
          std::make_shared<worker_pool>("vef-background", 1, 1)};
}

} // namespace vef
