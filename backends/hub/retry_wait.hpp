#pragma once

#include <vef/backends/hub/hub_client.hpp>
#include <vef/backends/hub/retries.hpp>

#include <functional>

namespace vef {

/// Lets time pass; false if it was told to stop meanwhile. Called from many threads at once.
using pause_function = std::function<bool(std::chrono::milliseconds, const std::stop_token&)>;

/// Waits for real.
bool pause_for(std::chrono::milliseconds time, const std::stop_token& stop);

/// Waits between the tries of one file. One thread at a time.
class retry_wait {
public:
  retry_wait(retries left, pause_function pause, std::stop_token stop)
      : left_(left)
      , pause_(std::move(pause))
      , stop_(std::move(stop)) {}

  /// Waits until it is time for the next try. Errors: the setback's, if another try won't help or there were
  /// enough; cancelled.
  result<void> before_next(const setback& x, bool progressed = false);

private:
  retries left_;
  pause_function pause_;
  std::stop_token stop_;
};

} // namespace vef
