#include <vef/nodes/peer_limits.hpp>

#include <algorithm>
#include <cstdio>
#include <string>

namespace vef {

namespace {

// A token, less what rounding may take from a peer that keeps to its rate exactly.
constexpr double nearly_one = 1 - 1e-6;

tl::unexpected<error> overloaded(const std::string& why) {
  return fail(errc::overloaded, "the request is refused: its peer has " + why);
}

std::string rate_text(double x) {
  char out[32];
  std::snprintf(out, sizeof out, "%g", x);
  return out;
}

} // namespace

peer_limits::peer_limits(peer_rules rules, time_point now)
    : rules_(rules)
    , tokens_(rules.burst)
    , refilled_(now)
    , heard_(now) {}

result<void> peer_limits::admit(std::uint64_t bytes, time_point now) {
  heard(now);
  refill(now);
  if (bytes > rules_.most_bytes)
    return fail(errc::invalid_argument, "the request is refused: it has " + format_bytes(bytes)
                                            + ", and this node takes " + format_bytes(rules_.most_bytes)
                                            + " in one: send it in parts");
  if (open_ >= rules_.most_open)
    return overloaded(std::to_string(open_) + " requests under way, as many as it may: wait for an answer");
  if (unread_ >= rules_.most_unread)
    return overloaded(format_bytes(unread_) + " of answers that it has not read, of "
                      + format_bytes(rules_.most_unread) + " that it may have: read them");
  if (tokens_ < nearly_one)
    return overloaded("sent more than " + rate_text(rules_.requests_per_second)
                      + " requests a second: send fewer, larger ones");
  tokens_ -= 1;
  ++open_;
  return {};
}

void peer_limits::answered(std::uint64_t bytes) {
  if (open_ > 0) --open_;
  unread_ += bytes;
  since_ping_ += bytes;
}

std::uint64_t peer_limits::ping() {
  ++last_mark_;
  if (since_ping_ > 0) sent_.push_back({last_mark_, since_ping_});
  since_ping_ = 0;
  return last_mark_;
}

void peer_limits::pong(std::uint64_t mark, time_point now) {
  heard(now);
  for (; !sent_.empty() && sent_.front().mark <= mark; sent_.pop_front()) unread_ -= sent_.front().bytes;
}

void peer_limits::heard(time_point now) { heard_ = std::max(heard_, now); }

bool peer_limits::silent(time_point now) const { return now - heard_ > rules_.silence; }

void peer_limits::refill(time_point now) {
  auto passed = std::chrono::duration<double>{std::max(now, refilled_) - refilled_}.count();
  tokens_ = std::min(tokens_ + passed * rules_.requests_per_second, static_cast<double>(rules_.burst));
  refilled_ = std::max(refilled_, now);
}

} // namespace vef
