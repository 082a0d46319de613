#pragma once

#include <vef/nodes/node_options.hpp>

#include <chrono>
#include <cstdint>
#include <deque>

namespace vef {

/// Keeps one peer within its rules (peer_rules): so that one which asks too fast, or does not read its
/// answers, costs itself and not this node's memory.
///
/// The rate is held by a token bucket: it has `burst` tokens at most, gets `requests_per_second` of them, and
/// each request that is admitted takes one. A refusal takes none: it costs this node next to nothing, and a
/// peer that tries again while a queue is full would else be kept out when there is room again.
///
/// Unread answers are counted by pings: messages of one connection are read in order, so who answers a ping
/// has read all that was sent before it.
///
/// Pure: the time comes in, and never goes back. For one thread.
class peer_limits {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `rules` are good ones: neither a limit nor the rate is 0. `now` counts as the first sign of life.
  peer_limits(peer_rules rules, time_point now);

  /// A request of so many bytes has come, which is a sign of life. If it is admitted, `answered` has to
  /// follow once. Errors: invalid_argument if it is too large for any time; overloaded if too many are under
  /// way, too many came within a short time, or too many answers are unread.
  result<void> admit(std::uint64_t bytes, time_point now);

  /// The answer to a request that was admitted, or its error, of so many bytes is on its way: the request has
  /// ended. 0 bytes if nobody waits for it any more.
  void answered(std::uint64_t bytes);

  /// A ping is sent, behind all answers so far. Its mark, above all earlier ones, for `pong`.
  std::uint64_t ping();

  /// The peer has answered the ping of this mark, which is a sign of life: what was sent before that ping is
  /// read. Marks may be left out.
  void pong(std::uint64_t mark, time_point now);

  /// Any other sign of life.
  void heard(time_point now);

  /// Whether it has been without a sign of life for longer than it may: its session has to end.
  bool silent(time_point now) const;

  std::uint32_t open() const { return open_; }
  std::uint64_t unread() const { return unread_; } ///< bytes of answers

private:
  struct sent {
    std::uint64_t mark; ///< of the ping behind it
    std::uint64_t bytes;
  };

  void refill(time_point now);

  peer_rules rules_;
  double tokens_;
  time_point refilled_;
  time_point heard_;
  std::uint32_t open_ = 0;
  std::uint64_t unread_ = 0;     // `sent_` and `since_ping_`
  std::uint64_t since_ping_ = 0; // answers behind the last ping
  std::uint64_t last_mark_ = 0;
  std::deque<sent> sent_; // by mark; only where there are bytes, so that pings alone do not fill it
};

} // namespace vef
