#pragma once

#include "support/catch.hpp"

#include <vef/actors/workers.hpp>
#include <vef/messages/interfaces.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace vef::test {

/// Workers without threads: jobs wait until the test lets them run, or get stuck when it says so. A job that
/// is stuck takes a thread of those that there would be, until it is retired.
class manual_executor final : public executor {
public:
  explicit manual_executor(unsigned width)
      : width_(width) {}

  job_id submit(work_item work) override {
    jobs_.push_back({++last_id_, std::move(work)});
    return last_id_;
  }
  unsigned width() const override { return width_; }

  std::optional<std::chrono::milliseconds> running_for(job_id job) const override {
    if (std::ranges::find(stuck_, job, &entry::id) == stuck_.end()) return std::nullopt;
    return stuck_for_;
  }

  bool retire(job_id job) override {
    auto it = std::ranges::find(stuck_, job, &entry::id);
    if (it == stuck_.end() || it->retired) return false;
    it->retired = true;
    ++retired_;
    return true;
  }

  worker_status status() const override {
    auto given_up = std::ranges::count(stuck_, true, &entry::retired);
    return {.name = "manual",
            .threads = width_,
            .running = running(),
            .waiting = static_cast<std::uint32_t>(jobs_.size()),
            .stuck = static_cast<std::uint32_t>(given_up),
            .retired = retired_};
  }

  std::size_t waiting() const { return jobs_.size(); }

  /// False if no job waits or every thread is stuck.
  bool run_one() {
    if (jobs_.empty() || running() == width_) return false;
    auto next = std::move(jobs_.front());
    jobs_.pop_front();
    next.work(1);
    return true;
  }

  /// Has the first job that waits start and not come back.
  void get_stuck() {
    REQUIRE(!jobs_.empty());
    REQUIRE(running() < width_);
    stuck_.push_back(std::move(jobs_.front()));
    jobs_.pop_front();
  }

  /// Has the jobs that are stuck run after all.
  void run_stuck() {
    for (auto back = std::exchange(stuck_, {}); auto& x : back) x.work(1);
  }

  /// How long the jobs that are stuck have been running.
  void stuck_for(std::chrono::milliseconds time) { stuck_for_ = time; }

private:
  struct entry {
    job_id id = 0;
    work_item work;
    bool retired = false;
  };

  unsigned running() const {
    return static_cast<unsigned>(std::ranges::count(stuck_, false, &entry::retired));
  }

  unsigned width_;
  std::deque<entry> jobs_;
  std::vector<entry> stuck_;
  std::chrono::milliseconds stuck_for_{};
  job_id last_id_ = 0;
  std::uint64_t retired_ = 0;
};

/// An actor system that stands still: actors act when the test says so, in its thread, and time passes by
/// hand.
class still_system {
public:
  still_system()
      : system_((configure(config_), config_))
      , scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) {}

  ~still_system() {
    for (const auto& x : ends_) caf::anon_send_exit(x, caf::exit_reason::user_shutdown);
    settle();
  }

  caf::actor_system& system() { return system_; }

  /// Has an actor told to end when the test does: circles of handles would keep it alive.
  template <class Handle> Handle ending(Handle x) {
    ends_.push_back(caf::actor_cast<caf::strong_actor_ptr>(x));
    return x;
  }

  manual_executor& lanes() { return *lanes_; }
  manual_executor& preparers() { return *preparers_; }
  manual_executor& loaders() { return *loaders_; }
  manual_executor& checkers() { return *checkers_; }

  /// Lets actors act, but no worker.
  void act() { scheduler_.run(); }

  /// Lets everybody act and work until nothing is left to do.
  void settle() {
    do {
      scheduler_.run();
    } while (loaders_->run_one() || preparers_->run_one() || lanes_->run_one() || checkers_->run_one());
  }

  /// Lets time pass in small steps, so that timers armed on the way fire in order.
  void pass(caf::timespan span, caf::timespan grain = std::chrono::milliseconds{10}) {
    for (; span > caf::timespan{0}; span -= grain) {
      scheduler_.advance_time(std::min(span, grain));
      settle();
    }
  }

  /// The same while every worker is stuck.
  void pass_without_workers(caf::timespan span) {
    scheduler_.advance_time(span);
    scheduler_.run();
  }

  /// The answer to a request, once it is there.
  template <class T> using answer = std::shared_ptr<std::optional<result<T>>>;

  /// Sends a request and lets nobody act yet.
  template <class T, class Handle, class... Ts> answer<T> send(const Handle& whom, Ts... message) {
    auto slot = std::make_shared<std::optional<result<T>>>();
    system_.spawn([=](caf::event_based_actor* self) {
      auto failed = [slot](caf::error& why) { *slot = fail(from_caf(why)); };
      auto asked = self->request(whom, std::chrono::minutes{60}, message...);
      if constexpr (std::is_void_v<T>)
        asked.then([slot] { *slot = result<void>{}; }, failed);
      else
        asked.then([slot](T& x) { *slot = std::move(x); }, failed);
    });
    return slot;
  }

  /// Sends a request that takes no work, and lets actors act until it is answered, but no worker.
  template <class T, class Handle, class... Ts> result<T> look(const Handle& whom, Ts... message) {
    auto slot = send<T>(whom, std::move(message)...);
    act();
    return *slot ? std::move(**slot) : result<T>{fail(errc::internal, "no answer")};
  }

  /// The same where the answer takes work.
  template <class T, class Handle, class... Ts> result<T> ask(const Handle& whom, Ts... message) {
    auto slot = send<T>(whom, std::move(message)...);
    settle();
    return *slot ? std::move(**slot) : result<T>{fail(errc::internal, "no answer")};
  }

private:
  static caf::actor_system_config& configure(caf::actor_system_config& config) {
    add_message_types(config);
    return config.set("scheduler.policy", caf::atom("testing"));
  }

  caf::actor_system_config config_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
  std::shared_ptr<manual_executor> lanes_ = std::make_shared<manual_executor>(2);
  std::shared_ptr<manual_executor> preparers_ = std::make_shared<manual_executor>(2);
  std::shared_ptr<manual_executor> loaders_ = std::make_shared<manual_executor>(2);
  std::shared_ptr<manual_executor> checkers_ = std::make_shared<manual_executor>(2);
  std::vector<caf::strong_actor_ptr> ends_;

public:
  const workers work{lanes_, preparers_, loaders_, loaders_, checkers_};
};

} // namespace vef::test
