#pragma once

#include <vef/messages/memory.hpp>

namespace vef {

struct pressure_limits {
  double threshold = 0.85; ///< share in use, above which idle models go
  double margin = 0.05;    ///< and go until the share is so far below it
  double critical = 0.95;  ///< share in use, above which batches shrink and loads are refused as well
  double stalled = 0.40;   ///< share of time lost to waiting for memory that counts as critical
};

/// Refuses limits that make no sense: outside 0..1, a critical share below the threshold, a margin that is
/// not below the threshold, so that the pressure could never end. Errors: invalid_config.
result<void> validate(const pressure_limits& x);

/// How short one memory is, from one reading to the next. Rises at once and falls only when the share in use
/// is below a level by the margin, so that a share near a limit does not flutter.
///
/// Tasks that wait make it critical only while the memory is nearly short as well: they may wait for somebody
/// else's disk.
class pressure_gauge {
public:
  explicit pressure_gauge(pressure_limits limits = {});

  /// Takes a reading in and says how things stand.
  pressure update(const device_reading& x);

  pressure level() const { return level_; }

  /// Bytes that must be freed until the pressure is over; 0 while there is none, and only then.
  std::uint64_t excess() const { return excess_; }

private:
  pressure_limits limits_;
  pressure level_ = pressure::none;
  std::uint64_t excess_ = 0;
};

/// Bytes above `threshold` of what there is, for a single look.
std::uint64_t excess(const device_reading& x, double threshold);

} // namespace vef
