#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace vef {

/// How long a download is tried.
struct retry_limits {
  unsigned in_a_row = 6;                    ///< failures without a new byte between them
  unsigned in_all = 100;                    ///< failures of one file
  std::chrono::milliseconds first{500};     ///< pause, doubled with each failure in a row
  std::chrono::milliseconds longest{20000}; ///< pause
  std::chrono::seconds told{300};           ///< that a server may ask to wait, for one file in all
};

/// The failures of one file so far, and how long to pause before the next try. Pauses lie between half of and
/// the whole of what doubling gives, so that those who failed together don't come back together. The same
/// seed gives the same pauses. Brings no clock.
class retries {
public:
  explicit retries(retry_limits limits = {}, std::uint32_t seed = 1)
      : limits_(limits)
      , random_(seed) {}

  /// After a failure, `progressed` if bytes came before it. Nothing: give up.
  std::optional<std::chrono::milliseconds> after_failure(bool progressed);

  /// After an answer that asks to wait. Nothing: that is too long.
  std::optional<std::chrono::milliseconds> after_request_to_wait(std::chrono::seconds wait);

  unsigned failures() const noexcept { return all_; }

private:
  retry_limits limits_;
  std::minstd_rand random_;
  unsigned in_a_row_ = 0;
  unsigned all_ = 0;
  std::chrono::seconds told_{0};
};

} // namespace vef
