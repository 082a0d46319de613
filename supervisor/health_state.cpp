#include <vef/supervisor/health_state.hpp>

namespace vef {

namespace {

using std::chrono::milliseconds;

std::string time_text(milliseconds x) {
  return x < std::chrono::seconds{1} ? std::to_string(x.count()) + " ms"
                                     : std::to_string(x.count() / 1000) + " s";
}

std::string words(const error& x) { return x.what.empty() ? std::string{to_string(x.code)} : x.what; }

std::string failures_text(std::uint32_t failed_models, const error& first) {
  auto count = std::to_string(failed_models);
  return failed_models == 1 ? count + " model could not be loaded: " + words(first)
                            : count + " models could not be loaded, the first: " + words(first);
}

std::string misses_text(std::uint32_t misses) {
  return misses == 1 ? "did not answer a health check"
                     : "did not answer " + std::to_string(misses) + " health checks in a row";
}

// The worse state takes the other's place together with its reason; reasons of equal weight stand together.
void add(health_state::verdict& to, health state, const std::string& reason) {
  if (state < to.state) return;
  to.reason = state == to.state && !to.reason.empty() ? to.reason + "; " + reason : reason;
  to.state = state;
}

health_state::verdict judge(const check_report& x, milliseconds stuck_after) {
  auto busy = x.oldest_queued > milliseconds{0} || x.oldest_running > milliseconds{0};
  health_state::verdict out;
  if (x.backend) add(out, health::unhealthy, words(x.backend));
  if (x.canary) add(out, health::unhealthy, words(x.canary));
  if (busy && x.no_progress >= stuck_after)
    add(out, health::unhealthy, "has had no progress for " + time_text(x.no_progress) + " with work waiting");
  if (x.oldest_running >= stuck_after)
    add(out, health::unhealthy, "its oldest work has been under way for " + time_text(x.oldest_running));
  if (x.oldest_queued >= stuck_after) // without progress, the worse state above has taken its place
    add(out, health::degraded,
        "its oldest request has waited for " + time_text(x.oldest_queued) + ": it is overloaded");
  if (x.failed_models > 0) add(out, health::degraded, failures_text(x.failed_models, x.model));
  return out;
}

} // namespace

health_state::health_state(health_rules rules)
    : rules_(rules) {}

void health_state::started() { *this = health_state{rules_}; }

health_state::verdict health_state::answered(const check_report& x) {
  misses_ = 0;
  answer_ = judge(x, rules_.stuck_after);
  auto out = answer_;
  out.restart = reason_to_restart(x);
  return out;
}

health_state::verdict health_state::missed(const error& why) {
  ++misses_;
  auto text = misses_text(misses_);
  auto last = misses_ >= rules_.misses;
  auto out = answer_;
  add(out, misses_ > 1 || last ? health::unhealthy : health::degraded, text + ": " + words(why));
  if (last) out.restart = error{errc::unavailable, text};
  return out;
}

std::optional<error> health_state::reason_to_restart(const check_report& x) {
  backend_failures_ = x.backend ? backend_failures_ + 1 : 0;
  canary_failures_ = x.canary ? canary_failures_ + 1 : 0;
  auto because = [](const char* who, std::uint32_t failures, const error& why) {
    auto checks = failures == 1 ? " failed a health check: "
                                : " failed " + std::to_string(failures) + " health checks in a row: ";
    return error{errc::unavailable, who + checks + words(why)};
  };
  if (x.backend && backend_failures_ >= rules_.misses)
    return because("its backend", backend_failures_, x.backend);
  if (x.canary && canary_failures_ >= rules_.misses) return because("its canary", canary_failures_, x.canary);
  return {};
}

result<void> validate(const health_rules& x, milliseconds interval) {
  constexpr std::chrono::hours century{24 * 36500}; // beyond it a sum of times would overflow
  auto bad = [](const char* what) {
    return fail(errc::invalid_config, std::string{"health rules: "} + what);
  };
  if (interval < milliseconds{0}) return bad("the interval must not be negative; 0 means no checks");
  if (interval > century) return bad("the interval must not be above a century");
  if (x.deadline <= milliseconds{0}) return bad("the deadline must be longer than 0 ms");
  if (x.deadline > century) return bad("the deadline must not be above a century");
  if (x.misses == 0) return bad("the number of misses must be at least 1");
  if (x.stuck_after <= milliseconds{0}) return bad("the time until work is stuck must be longer than 0 ms");
  if (x.stuck_after > century) return bad("the time until work is stuck must not be above a century");
  return {};
}

} // namespace vef
