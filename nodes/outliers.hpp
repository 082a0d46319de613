#pragma once

#include <vef/nodes/node_options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace vef {

/// Which nodes are passed over because they keep failing (outlier_rules).
///
/// A node that fails fast has short queues and so looks like the best choice: without this it would draw
/// most requests. After `failures` in a row it is ejected for first_ejection * (ejections so far, this one
/// included), at most longest_ejection. Then it gets one request as a trial: if that succeeds it is trusted
/// again, if it fails it is ejected at once, for longer. An ejection is forgotten for each longest_ejection
/// in which the node succeeds and does not fail. While more than a share of all nodes, most_ejected, would be
/// ejected, no further one is: when all fail the cause is likely elsewhere, and the few that are left would
/// break under the load. (Envoy, "Outlier detection", architecture overview: consecutive failures,
/// base_ejection_time, max_ejection_time, max_ejection_percent.)
///
/// What counts is the node's own failure, not a bad picture's: see to it before calling.
///
/// Pure: the time comes in and never goes back. Not for several threads.
class outliers {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// No `failures` at all: nothing is ever ejected.
  explicit outliers(outlier_rules rules = {});

  /// A request was given to it: the trial, if it is due one.
  void given(const std::string& node, time_point now);

  void succeeded(const std::string& node, time_point now);

  /// `known`: how many nodes there are in all. Whether it is ejected by this.
  bool failed(const std::string& node, time_point now, std::size_t known);

  /// Whether it gets no requests now: its time is not over, or its trial is under way. A trial of which
  /// nothing is heard for first_ejection is lost, and the next request is another.
  bool ejected(const std::string& node, time_point now) const;

  /// It has left, or is another process now.
  void forget(const std::string& node);

private:
  struct record {
    std::uint32_t failures = 0;  // in a row
    std::uint32_t ejections = 0; // that are not forgotten
    bool doubted = false;        // was ejected and has not succeeded since
    time_point until{};          // of the ejection
    time_point trial_until{};    // when a trial under way is lost
    time_point calm_since{};     // the last failure, or when an ejection was forgotten
  };

  bool is_ejected(const record& x, time_point now) const;
  bool may_eject(const std::string& node, time_point now, std::size_t known) const;

  outlier_rules rules_;
  std::map<std::string, record> nodes_; // those that have failed
};

/// Refuses rules that make no sense: a first ejection of 0 or less, a longest one below the first or above a
/// century, a share outside 0 to 1. Errors: invalid_config.
result<void> validate(const outlier_rules& x);

} // namespace vef
