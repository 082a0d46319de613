#include <vef/actors/restart_policy.hpp>

#include <algorithm>

namespace vef {

using std::chrono::milliseconds;

restart_policy::restart_policy(restart_rules rules, std::uint64_t seed)
    : rules_(rules)
    , random_(seed) {}

std::optional<milliseconds> restart_policy::died(time_point now) {
  while (!deaths_.empty() && now - deaths_.front() > rules_.window) deaths_.pop_front();
  deaths_.push_back(now);
  if (deaths_.size() > rules_.most) {
    // More of them would not change the answer.
    if (deaths_.size() - 1 > rules_.most) deaths_.pop_front();
    return {};
  }
  ++restarts_;
  return pause();
}

void restart_policy::reset() { deaths_.clear(); }

milliseconds restart_policy::pause() {
  // The limit is halved for the comparison, where doubling the pause could overflow.
  auto doublings = std::min<std::size_t>(deaths_.size() - 1, 62);
  auto first = rules_.first_pause.count();
  auto longest = rules_.longest_pause.count();
  auto whole = first > (longest >> doublings) ? longest : first << doublings;
  return milliseconds{std::uniform_int_distribution{whole - whole / 2, whole}(random_)};
}

result<void> validate(const restart_rules& x) {
  constexpr std::chrono::hours century{24 * 36500}; // beyond it a sum of times would overflow
  auto bad = [](const char* what) {
    return fail(errc::invalid_config, std::string{"restart rules: "} + what);
  };
  if (x.first_pause < milliseconds{0}) return bad("the first pause must not be negative");
  if (x.longest_pause < x.first_pause) return bad("the longest pause must not be shorter than the first");
  if (x.longest_pause > century) return bad("the longest pause must not be above a century");
  if (x.window <= milliseconds{0}) return bad("the window must be longer than 0 ms");
  if (x.window > century) return bad("the window must not be above a century");
  return {};
}

} // namespace vef
