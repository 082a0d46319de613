#pragma once

#include <vef/messages/embed.hpp>
#include <vef/nodes/access.hpp>
#include <vef/nodes/path_guard.hpp>
#include <vef/nodes/peer_limits.hpp>

#include <mutex>
#include <string>

namespace vef {

/// What one peer may do here and what it has under way, in common to the actors of its session. Safe to share
/// between threads.
class session_books {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `whose` is what to call the peer in errors and logs.
  session_books(std::string whose, const peer_rules& rules, bool read_only, path_guard paths, time_point now);

  const std::string& whose() const noexcept { return whose_; }

  /// Lets a message in, or not. `bytes` is how much of it there is to keep. Whatever was let in is given back
  /// by `answered`. Errors: not_allowed, and those of peer_limits::admit.
  result<void> admit(access what, std::uint64_t bytes, time_point now);
  void answered(std::uint64_t bytes);

  /// Puts the true paths of files into a request. What may not be read becomes an error for its picture,
  /// which is taken out of the request: the rest keeps its order.
  std::vector<error> resolve_paths(embed_request& request) const;

  /// The peer has said that it lives, and so has read what was sent before our last answer to that.
  void on_sign_of_life(time_point now);
  bool silent(time_point now) const;

private:
  std::string whose_;
  bool read_only_;
  path_guard paths_;
  mutable std::mutex mutex_;
  peer_limits limits_;
  std::uint64_t mark_ = 0;
};

/// The bytes of a request's pictures, names included.
std::uint64_t bytes_of(const embed_request& x) noexcept;

/// About how many bytes an answer takes on its way.
std::uint64_t bytes_of(const embed_reply& x) noexcept;

/// Puts pictures that were taken out by `resolve_paths` back in their places of the reply. `problems` has an
/// entry for each picture of the whole request.
embed_reply with_problems(embed_reply reply, const std::vector<error>& problems);

} // namespace vef
