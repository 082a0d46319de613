#include <vef/actors/pressure_gauge.hpp>

#include <algorithm>
#include <cmath>

namespace vef {

result<void> validate(const pressure_limits& x) {
  auto bad = [](const char* what) {
    return fail(errc::invalid_config, std::string{"memory pressure: "} + what);
  };
  auto is_share = [](double y) { return y >= 0 && y <= 1; };
  if (!is_share(x.threshold)) return bad("the threshold must be from 0 to 1");
  if (!is_share(x.margin)) return bad("the margin must be from 0 to 1");
  if (!is_share(x.critical)) return bad("the critical share must be from 0 to 1");
  if (!is_share(x.stalled)) return bad("the share of time stalled must be from 0 to 1");
  if (x.critical < x.threshold) return bad("the critical share is below the threshold");
  if (x.margin >= x.threshold) return bad("the margin must be less than the threshold");
  return {};
}

pressure_gauge::pressure_gauge(pressure_limits limits)
    : limits_(limits) {}

pressure pressure_gauge::update(const device_reading& x) {
  // Shares are compared as bytes, so that freeing the excess, to the byte, does end the pressure.
  auto above = [&](double share) { return vef::excess(x, share) > 0; };
  auto over = limits_.threshold - limits_.margin;
  auto was_critical = level_ == pressure::critical;
  auto slack = was_critical ? limits_.margin : 0;
  auto stalled = x.stalled > std::max(0.0, limits_.stalled - slack) && above(over);
  if (stalled || above(limits_.critical - slack))
    level_ = pressure::critical;
  else if (above(level_ == pressure::none ? limits_.threshold : over))
    level_ = pressure::high;
  else
    level_ = pressure::none;
  excess_ = level_ == pressure::none ? 0 : vef::excess(x, over);
  return level_;
}

std::uint64_t excess(const device_reading& x, double threshold) {
  auto used = x.total - std::min(x.available, x.total);
  if (!(threshold > 0)) return used;
  if (threshold >= 1) return 0;
  auto allowed = static_cast<std::uint64_t>(std::round(threshold * static_cast<double>(x.total)));
  return used > allowed ? used - allowed : 0;
}

} // namespace vef
