#pragma once

#include <vef/messages/status.hpp>

#include <string>
#include <utility>
#include <vector>

namespace vef {

/// What a node's health follows from.
struct health_facts {
  std::vector<std::pair<std::string, health_report>> services = {}; ///< by name
  std::vector<worker_status> workers = {};
  std::uint32_t most_stuck = 0; ///< threads; with more of them stuck, the process can't be relied on
};

/// How a node is doing, and why; the reason is empty where it is healthy.
///
/// Unhealthy: more than `most_stuck` threads are stuck, or every service is unhealthy or failed. Starting: no
/// service is ready and at least one starts. Degraded: a thread is stuck, or a service is unhealthy or
/// failed. A service that is stopped does not count, and one that is degraded serves.
std::pair<health, std::string> judge_node(const health_facts& x);

} // namespace vef
