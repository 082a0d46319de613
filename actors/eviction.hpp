#pragma once

#include <vef/messages/memory.hpp>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vef {

/// A model that may be evicted: nobody is using it, it is not pinned, and it has been in memory for long
/// enough.
struct eviction_candidate {
  using time_point = std::chrono::steady_clock::time_point;

  model_key who;
  std::uint64_t bytes = 0; ///< that its eviction frees where memory is short; at least 1
  time_point last_used;
  std::uint64_t uses = 0;                  ///< requests so far
  std::chrono::microseconds reload_time{}; ///< what bringing it back takes; 0: not known
};

/// One that was chosen, and why: for the log and for whoever asks.
struct eviction_choice {
  std::size_t index = 0; ///< among the candidates
  double score = 0;      ///< the lower, the sooner it goes; its meaning is the policy's
  std::string why;       ///< "not used for 312 s", lower case, no full stop
};

/// Decides which of the idle models go when memory is short. Knows no actors, no clocks and touches no
/// memory.
class eviction_policy {
public:
  virtual ~eviction_policy() = default;
  virtual std::string_view name() const = 0;

  /// Which go, the first to go first. Together they free at least `needed` bytes, and none of them could be
  /// left out; if all candidates together do not suffice, the answer is empty.
  virtual std::vector<eviction_choice> choose(std::span<const eviction_candidate> candidates,
                                              std::uint64_t needed,
                                              eviction_candidate::time_point now) const = 0;
};

/// "lru" or "cost-aware". Errors: invalid_argument, with the nearest name.
result<std::unique_ptr<eviction_policy>> make_eviction_policy(std::string_view name);

} // namespace vef
