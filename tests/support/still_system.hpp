#pragma once

#include "support/catch.hpp"

#include <vef/actors/workers.hpp>
#include <vef/messages/interfaces.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include <deque>
#include <optional>

namespace vef::test {

/// Workers without threads: jobs wait until the test lets them run.
class manual_executor final : public executor {
public:
  explicit manual_executor(unsigned width)
      : width_(width) {}

  void submit(work_item work) override { jobs_.push_back(std::move(work)); }
  unsigned width() const override { return width_; }

  std::size_t waiting() const { return jobs_.size(); }

  bool run_one() {
    if (jobs_.empty()) return false;
    auto work = std::move(jobs_.front());
    jobs_.pop_front();
    work(1);
    return true;
  }

private:
  unsigned width_;
  std::deque<work_item> jobs_;
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

  /// Lets actors act, but no worker.
  void act() { scheduler_.run(); }

  /// Lets everybody act and work until nothing is left to do.
  void settle() {
    do {
      scheduler_.run();
    } while (loaders_->run_one() || preparers_->run_one() || lanes_->run_one());
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

  /// Sends a request and lets everybody act until it is answered.
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
  std::vector<caf::strong_actor_ptr> ends_;

public:
  const workers work{lanes_, preparers_, loaders_, loaders_};
};

} // namespace vef::test
