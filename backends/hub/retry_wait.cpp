#include <vef/backends/hub/retry_wait.hpp>

#include <condition_variable>
#include <mutex>

namespace vef {

bool pause_for(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock{mutex};
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

result<void> retry_wait::before_next(const setback& x, bool progressed) {
  if (!x.again) return fail(x.problem);
  auto pause = x.told ? left_.after_request_to_wait(*x.told) : left_.after_failure(progressed);
  if (!pause) {
    auto why = x.told ? std::string{"; that is too long"}
                      : "; gave up after " + std::to_string(left_.failures()) + " tries";
    return fail(errc::download_failed, x.problem.what + why);
  }
  if (!pause_(*pause, stop_)) return fail(errc::cancelled, "stopped while waiting for another try");
  return {};
}

} // namespace vef
