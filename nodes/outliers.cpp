#include <vef/nodes/outliers.hpp>

#include <algorithm>

namespace vef {

using std::chrono::milliseconds;

outliers::outliers(outlier_rules rules)
    : rules_(rules) {}

void outliers::given(const std::string& node, time_point now) {
  auto known = nodes_.find(node);
  if (known == nodes_.end() || !known->second.doubted || is_ejected(known->second, now)) return;
  known->second.trial_until = now + rules_.first_ejection;
}

void outliers::succeeded(const std::string& node, time_point now) {
  auto known = nodes_.find(node);
  if (known == nodes_.end()) return;
  auto& x = known->second;
  if (x.doubted && now < x.until) return; // of a request from before the ejection
  x.doubted = false;
  x.failures = 0;
  x.trial_until = {};
  for (; x.ejections > 0 && now - x.calm_since >= rules_.longest_ejection; --x.ejections)
    x.calm_since += rules_.longest_ejection;
  if (x.ejections == 0) nodes_.erase(known);
}

bool outliers::failed(const std::string& node, time_point now, std::size_t known) {
  auto& x = nodes_[node];
  if (x.doubted && now < x.until) return false; // of a request from before the ejection
  x.calm_since = now;
  x.trial_until = {};
  if (x.failures < rules_.failures) ++x.failures;
  auto enough = rules_.failures > 0 && (x.doubted || x.failures >= rules_.failures);
  if (!enough || !may_eject(node, now, known)) return false;
  ++x.ejections;
  // Divided for the comparison, where the product could overflow after weeks of failures.
  auto longest = rules_.longest_ejection;
  x.until =
      now + (rules_.first_ejection > longest / x.ejections ? longest : rules_.first_ejection * x.ejections);
  x.doubted = true;
  x.failures = 0;
  return true;
}

bool outliers::ejected(const std::string& node, time_point now) const {
  auto known = nodes_.find(node);
  return known != nodes_.end() && is_ejected(known->second, now);
}

void outliers::forget(const std::string& node) { nodes_.erase(node); }

bool outliers::is_ejected(const record& x, time_point now) const {
  return x.doubted && (now < x.until || now < x.trial_until);
}

bool outliers::may_eject(const std::string& node, time_point now, std::size_t known) const {
  auto others = std::ranges::count_if(
      nodes_, [&](const auto& x) { return x.first != node && is_ejected(x.second, now); });
  return static_cast<double>(others + 1) <= rules_.most_ejected * static_cast<double>(known);
}

result<void> validate(const outlier_rules& x) {
  constexpr std::chrono::hours century{24 * 36500}; // beyond it a sum of times would overflow
  auto bad = [](const char* what) {
    return fail(errc::invalid_config, std::string{"outlier rules: "} + what);
  };
  if (x.first_ejection <= milliseconds{0}) return bad("the first ejection must be longer than 0 ms");
  if (x.longest_ejection < x.first_ejection)
    return bad("the longest ejection must not be shorter than the first");
  if (x.longest_ejection > century) return bad("the longest ejection must not be above a century");
  if (!(x.most_ejected >= 0 && x.most_ejected <= 1))
    return bad("the share of ejected nodes must be from 0 to 1");
  return {};
}

} // namespace vef
