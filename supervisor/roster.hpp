#pragma once

#include <vef/actors/restart_policy.hpp>
#include <vef/messages/status.hpp>

#include <list>

namespace vef {

/// The services of a node: what each of them needs, which are wanted, and so which start or stop next.
///
///     stopped --want--> waiting --starting--> starting --running--> running --stopping--> stopping
///                        ^  ^                     |                    |                     |
///                        |  +--due-- restarting <-+---start_failed-----+--died               |
///                        |              |    or   |                    |                     |
///                        +--reset-------+--failed <--------------------+                     |
///                        +--stopped, while it is wanted--------------------------------------+--> stopped
///
/// Who is wanted wants all that it needs as well, so no service ever waits for one that nobody means to
/// start.
///
/// Pure: knows no actors and no clocks. Whoever uses it says what is asked for and what has happened, and
/// then starts what is `startable`, and again at the time that `next_due` names. What is told of a service
/// that is unknown, or in a state in which it can't happen, comes too late and changes nothing.
class roster {
public:
  using time_point = std::chrono::steady_clock::time_point;

  struct entry {
    service_spec spec;
    service_state state = service_state::stopped;
    error reason = {};    ///< why it failed or is restarting; cleared when it runs
    bool wanted = false;  ///< it is to run; only while it stops does the state not say so
    bool has_run = false; ///< so what it is made of is right, and a start that fails is tried again
    restart_policy restarts;
    time_point next_start = {};   ///< while `restarting`
    std::uint64_t started_as = 0; ///< its last start was the so manieth of all; 0: none

    bool needs(const std::string& service) const;
  };

  /// The seed gives every service's pauses one of its own.
  explicit roster(std::uint64_t seed = std::random_device{}())
      : seeds_(seed) {}

  // -- what is asked for ------------------------------------------------------------------------------------

  /// Adds a service: `waiting`, with all that it needs, if it is to start by itself, else `stopped`. It takes
  /// the place of a failed one of its name, and starts if those need it that are wanted. An empty backend
  /// becomes the name. That something which it needs has failed is no error: see `failed_need`. Errors:
  /// invalid_argument for no name, duplicate_name, unknown_service for a dependency, with the nearest name,
  /// invalid_config for restart rules that make no sense or a cycle, which it names.
  result<void> add(service_spec spec) { return add_all({std::move(spec)}); }

  /// The same for several that may need each other, in any order. After an error none of them was added.
  result<void> add_all(std::vector<service_spec> specs);

  /// Wants a service, and all that it needs, to run. One that is on its way to `stopped` starts again from
  /// there. Errors: unknown_service, in_use if it runs or is about to, unavailable if it or one that it needs
  /// has failed.
  result<void> want(const std::string& name);

  /// Whether a service may be stopped; one that stops only to start again may be, and then stays stopped.
  /// Errors: unknown_service, invalid_argument if it does not run and is not about to, in_use if others that
  /// are neither stopped nor failed depend on it.
  result<void> can_stop(const std::string& name) const;

  /// Whether a service may be forgotten. Errors: unknown_service, in_use if others depend on it.
  result<void> can_remove(const std::string& name) const;

  /// Lets a service that failed or is restarting start at once, with a clean record, and with it all that it
  /// needs. Errors: unknown_service, invalid_argument if it is in another state.
  result<void> reset(const std::string& name);

  /// Forgets a service; whoever calls this has stopped it. Errors: as `can_remove`, since others may have
  /// come to depend on it while it was being stopped.
  result<void> remove(const std::string& name);

  // -- what happens -----------------------------------------------------------------------------------------

  void starting(const std::string& name);
  void running(const std::string& name);

  /// Somebody who asked `can_stop` has it stopped: it is wanted no more. One that does not run yet goes
  /// through this and `stopped` as well; what comes of a start that was under way is then too late. Not for
  /// those of `loss::to_stop`, or else they stay stopped.
  void stopping(const std::string& name);

  /// It has stopped, in whatever way. If it is wanted it waits for its next start.
  void stopped(const std::string& name);

  struct loss {
    bool given_up = false;             ///< it has failed; else it is restarting
    std::chrono::milliseconds pause{}; ///< before its next start

    /// Those that want to be stopped with it (restart_rules::with_dependencies), each after all that need it.
    /// They count as stopping already and are still wanted: each that is then `stopped` waits for what it
    /// needs.
    std::vector<std::string> to_stop = {};
  };

  /// A start failed. It is tried again if time may mend the error, or if the service has run before. There is
  /// nobody to stop with it: they did not start without it.
  loss start_failed(const std::string& name, error why, time_point now);

  /// It ran, and died; it is started again after a pause, until its restart rules give it up. For one that
  /// dies while it is being stopped, say `stopped`.
  loss died(const std::string& name, error why, time_point now);

  /// Lets those wait for their start whose pause is over, and says which they are.
  std::vector<std::string> due(time_point now);

  /// When the next pause is over.
  std::optional<time_point> next_due() const;

  // -- decisions --------------------------------------------------------------------------------------------

  /// Those that wait and whose needs all run: they start side by side, since none of them needs another. The
  /// lower startup_priority first, then by name.
  std::vector<std::string> startable() const;

  /// Those that start, run or stop, each after all that need it; beyond that the last started first.
  std::vector<std::string> stop_order() const;

  // -- looks ------------------------------------------------------------------------------------------------

  /// Stays where it is until it is removed. Null if there is none.
  const entry* find(const std::string& name) const;

  const std::list<entry>& entries() const { return entries_; } ///< in the order in which they came
  std::vector<std::string> names() const;                      ///< in the same order

  /// Those that name it among their dependencies, in the same order.
  std::vector<std::string> dependants_of(const std::string& name) const;

  /// The failed service without whose reset this one can't start: one that it needs, or that one of those
  /// needs which do not run either. Null if there is none.
  const entry* failed_need(const std::string& name) const;

  /// Why a waiting service does not start: `unavailable`, with what it needs and what is wrong with that. A
  /// failed one is named before any other. `ok` if nothing is in its way, or if it does not wait.
  error blocked_by(const std::string& name) const;

private:
  using states = std::initializer_list<service_state>;

  entry* at(const std::string& name) { return const_cast<entry*>(find(name)); }
  entry* at(const std::string& name, states in); // null also if it is in another state
  void pull_in(entry& x);
  loss lose(entry& x, error why, bool again, time_point now);
  std::vector<std::string> stop_with(const std::string& lost);
  result<void> exists(const std::string& name) const;
  const entry* missing(const entry& x) const; // the first need that does not run
  std::string condition_of(const entry& x) const;

  std::mt19937_64 seeds_;
  std::list<entry> entries_;
  std::uint64_t starts_ = 0;
};

} // namespace vef
