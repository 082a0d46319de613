#pragma once

#include <vef/actors/memory_probe.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace vef {

/// Has the kernel tell at once when tasks wait for memory (a PSI trigger), instead of at the next look. Not
/// every kernel has it and not every user may; then the regular look has to do.
///
/// https://docs.kernel.org/accounting/psi.html#monitoring-for-pressure-thresholds
class pressure_trigger {
public:
  /// Calls `on_stall`, in a thread of its own, at most once per window, whenever tasks waited for memory for
  /// `stall` in all within `window` (500 ms to 10 s; for users without privileges a multiple of 2 s). Of the
  /// process's control group where that has a memory.pressure that may be written, else of the machine.
  /// Errors: unavailable, with the kernel's reason.
  static result<std::unique_ptr<pressure_trigger>>
  open(std::function<void()> on_stall, kernel_files files = {},
       std::chrono::microseconds stall = std::chrono::milliseconds{100},
       std::chrono::microseconds window = std::chrono::seconds{2});

  /// Ends the thread, after an `on_stall` that is under way, which must not be where this is called from;
  /// `on_stall` is not called afterwards.
  ~pressure_trigger();
  pressure_trigger(const pressure_trigger&) = delete;
  pressure_trigger& operator=(const pressure_trigger&) = delete;

private:
  struct state;
  explicit pressure_trigger(std::unique_ptr<state> x);
  std::unique_ptr<state> state_;
};

} // namespace vef
