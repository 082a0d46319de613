#pragma once

#include <vef/messages/service.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <random>

namespace vef {

/// Decides when something that died is started again (restart_rules).
///
/// The pause is first_pause * 2^(deaths in the window - 1), at most longest_pause, and drawn from the upper
/// half of that: it grows with each death, and yet those who died together do not come back together ("equal
/// jitter": M. Brooker, "Exponential Backoff And Jitter", Amazon Architecture Blog, 2015). Deaths older than
/// the window are forgotten, so that a service which ran quietly starts over with the first pause.
///
/// Pure: the time comes in, and the same seed gives the same pauses.
class restart_policy {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `rules` are good ones: see `validate`. Each service has a seed of its own, or else they come back
  /// together.
  explicit restart_policy(restart_rules rules = {}, std::uint64_t seed = std::random_device{}());

  /// It died, or a start failed. The pause before the next start; nothing if it died more than `most` times
  /// within the window: it is given up. Deaths after that are counted on, so that one who starts it
  /// nevertheless hears the same until the window is quiet enough, or until `reset`. `now` never goes back.
  std::optional<std::chrono::milliseconds> died(time_point now);

  /// A clean record: no deaths.
  void reset();

  /// Pauses that were granted since it was made; `reset` does not clear them.
  std::uint64_t restarts() const { return restarts_; }

private:
  std::chrono::milliseconds pause();

  restart_rules rules_;
  std::mt19937_64 random_;
  std::deque<time_point> deaths_; // in the window, the oldest first; of those, the last `most` + 1
  std::uint64_t restarts_ = 0;
};

/// Refuses rules that make no sense: a time below 0 or above a century, a longest pause below the first one,
/// a window of 0, in which nobody could die twice. Errors: invalid_config.
result<void> validate(const restart_rules& x);

} // namespace vef
