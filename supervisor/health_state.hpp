#pragma once

#include <vef/messages/health.hpp>
#include <vef/messages/service.hpp>

#include <optional>
#include <string>

namespace vef {

/// What is known of one running service's health from its answers to checks, and what follows (health_rules).
///
/// Unhealthy: its backend or a canary says so; work is stuck; it did not answer twice in a row. Degraded: it
/// did not answer once; requests wait for very long although they are worked on; a model could not be loaded.
/// The worst that applies wins, and what weighs the same is said together.
///
/// Pure: knows no actors and no clocks; ages come with the answers.
class health_state {
public:
  /// `rules` are good ones: see `validate`.
  explicit health_state(health_rules rules);

  /// It runs: as healthy as can be known, and nothing is held against it.
  void started();

  struct verdict {
    health state = health::healthy;    ///< healthy, degraded or unhealthy
    std::string reason = {};           ///< empty where it is healthy
    std::optional<error> restart = {}; ///< why it has to be restarted; said again until it was: `unavailable`
  };

  /// It answered, which ends a row of misses. A backend or a canary that fails in `misses` answers in a row
  /// has it restarted; a check that is missed in between does not break the row.
  verdict answered(const check_report& x);

  /// A check without an answer in time. The last answer's judgement holds on: silence makes nothing better.
  verdict missed(const error& why);

  /// Checks in a row without an answer.
  std::uint32_t misses() const { return misses_; }

private:
  std::optional<error> reason_to_restart(const check_report& x);

  health_rules rules_;
  std::uint32_t misses_ = 0;
  std::uint32_t backend_failures_ = 0; // in a row
  std::uint32_t canary_failures_ = 0;  // in a row
  verdict answer_;                     // what the last answer came to
};

/// Refuses rules that make no sense: a deadline or `stuck_after` of 0 or less, no misses at all, a negative
/// interval (0: no checks are made), times above a century. Errors: invalid_config.
result<void> validate(const health_rules& x, std::chrono::milliseconds interval);

} // namespace vef
