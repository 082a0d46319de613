#include <vef/actors/workers.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <pthread.h>
#include <spdlog/spdlog.h>

namespace vef {

namespace {

using steady = std::chrono::steady_clock;

template <class Unit> Unit elapsed(steady::time_point since) {
  return std::chrono::duration_cast<Unit>(steady::now() - since);
}

} // namespace

/// What the threads share. It outlives the pool if one of them is stuck.
struct worker_pool::core {
  struct waiting_job {
    job_id id = 0;
    work_item work;
  };

  struct running_job {
    job_id id = 0; // 0: none
    steady::time_point since{};
  };

  /// A thread's place. Another gets it when the thread is given up.
  struct slot {
    running_job job;
    bool manned = false;
  };

  std::string name;
  unsigned cores = 1;
  std::chrono::microseconds lingering{0};

  std::mutex mutex;
  std::condition_variable work_or_stop;
  std::condition_variable thread_ended;
  std::deque<waiting_job> waiting;
  std::atomic<bool> work_or_stop_hint = false; // so that a thread may look without the lock
  std::vector<slot> slots;                     // never more or fewer: the threads refer to them
  std::vector<running_job> stuck;              // in threads that were given up
  job_id last_id = 0;
  unsigned running = 0; // without those that are stuck, and so is `alive`
  unsigned alive = 0;
  unsigned started = 0; // threads, ever
  std::uint64_t retired = 0;
  bool stop = false;

  // Puts threads where none is, with the lock held. The destructor waits for the threads by `alive`, which it
  // can do for a bounded time.
  static void man_slots(const std::shared_ptr<core>& shared) {
    for (auto& mine : shared->slots) {
      if (mine.manned) continue;
      auto label = (shared->name + '-' + std::to_string(shared->started)).substr(0, 15); // the kernel's limit
      std::thread thread{[shared, &mine] { shared->run(mine); }};
      pthread_setname_np(thread.native_handle(), label.c_str());
      thread.detach();
      mine.manned = true;
      ++shared->alive;
      ++shared->started;
    }
  }

  // What could not be created when a thread was retired; that it failed was reported then.
  static void try_again(const std::shared_ptr<core>& shared) {
    try {
      man_slots(shared);
    } catch (const std::system_error&) {
    }
  }

  void run(slot& mine) {
    std::unique_lock lock{mutex};
    for (;;) {
      work_or_stop.wait(lock, [this] { return stop || !waiting.empty(); });
      if (stop) break;
      auto [id, work] = std::move(waiting.front());
      waiting.pop_front();
      work_or_stop_hint = !waiting.empty();
      mine.job = {id, steady::now()};
      ++running;
      auto wanted = std::min<std::size_t>(alive, running + waiting.size());
      auto threads = std::max(1u, cores / static_cast<unsigned>(wanted));
      lock.unlock();
      run_one(work, threads);
      work = nullptr; // what the job holds is freed before the lock is taken again
      lock.lock();
      if (mine.job.id != id) return come_back(id, lock);
      mine.job = {};
      --running;
      if (waiting.empty()) linger(lock);
    }
    mine.manned = false;
    --alive;
    thread_ended.notify_all();
  }

  void give_up(slot& lost) {
    stuck.push_back(lost.job);
    lost = {};
    --running;
    --alive;
    ++retired;
  }

  // The job was retired, and the thread's place is another's.
  void come_back(job_id job, std::unique_lock<std::mutex>& lock) {
    auto mine = std::ranges::find(stuck, job, &running_job::id);
    auto since = mine->since;
    stuck.erase(mine);
    auto pool_is_there = !stop;
    lock.unlock();
    if (pool_is_there)
      spdlog::info("a thread of {} that was stuck for {} s has come back", name,
                   elapsed<std::chrono::seconds>(since).count());
  }

  slot* find(job_id job) {
    auto it = std::ranges::find_if(slots, [&](const slot& x) { return x.job.id == job; });
    return job == 0 || it == slots.end() ? nullptr : &*it; // 0 is an idle thread's
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
  core_->cores = std::max(1u, cores);
  core_->slots.resize(width_);
  core_->lingering = lingering;
  std::lock_guard lock{core_->mutex};
  core::man_slots(core_);
}

worker_pool::~worker_pool() {
  std::deque<core::waiting_job> dropped;
  std::unique_lock lock{core_->mutex};
  core_->stop = true;
  core_->work_or_stop_hint = true;
  dropped.swap(core_->waiting);
  core_->work_or_stop.notify_all();
  core_->thread_ended.wait_for(lock, patience_, [this] { return core_->alive == 0; });
  auto left = core_->alive + core_->stuck.size();
  if (left > 0) spdlog::error("{} of the {} threads are stuck and are left behind", left, core_->name);
}

executor::job_id worker_pool::submit(work_item work) {
  job_id id = 0;
  {
    std::lock_guard lock{core_->mutex};
    if (core_->stop) return 0;
    id = ++core_->last_id;
    core_->waiting.push_back({id, std::move(work)});
    core_->work_or_stop_hint = true;
    if (core_->alive < width_) core::try_again(core_);
  }
  core_->work_or_stop.notify_one();
  return id;
}

std::optional<std::chrono::milliseconds> worker_pool::running_for(job_id job) const {
  std::lock_guard lock{core_->mutex};
  if (auto place = core_->find(job)) return elapsed<std::chrono::milliseconds>(place->job.since);
  auto it = std::ranges::find(core_->stuck, job, &core::running_job::id);
  if (it == core_->stuck.end()) return std::nullopt;
  return elapsed<std::chrono::milliseconds>(it->since);
}

bool worker_pool::retire(job_id job) {
  std::chrono::seconds stuck_for{};
  std::string shortage;
  unsigned left = 0;
  {
    std::lock_guard lock{core_->mutex};
    auto lost = core_->find(job);
    if (!lost) return false;
    stuck_for = elapsed<std::chrono::seconds>(lost->job.since);
    core_->give_up(*lost);
    try {
      core::man_slots(core_);
    } catch (const std::system_error& e) {
      shortage = e.what();
    }
    left = core_->alive;
  }
  spdlog::error("a thread of {} has been stuck in a job for {} s and is given up", core_->name,
                stuck_for.count());
  if (!shortage.empty())
    spdlog::critical("no thread can take the place of a stuck one of {} ({}): {} of {} are left", core_->name,
                     shortage, left, width_);
  return true;
}

worker_status worker_pool::status() const {
  std::lock_guard lock{core_->mutex};
  return {.name = core_->name,
          .threads = core_->alive,
          .running = core_->running,
          .waiting = static_cast<std::uint32_t>(core_->waiting.size()),
          .stuck = static_cast<std::uint32_t>(core_->stuck.size()),
          .retired = core_->retired};
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
          std::make_shared<worker_pool>("vef-background", 1, 1),
          std::make_shared<worker_pool>("vef-check", 2, 1)};
}

} // namespace vef
