// The words for the enumerations of the messages, as logs, tables and JSON show them.
#include <vef/messages/cluster.hpp>

namespace vef {

std::string_view to_string(rating x) noexcept {
  switch (x) {
  case rating::fast: return "fast";
  case rating::balanced: return "balanced";
  case rating::accurate: return "accurate";
  }
  return "unknown";
}

std::string_view to_string(tier x) noexcept {
  switch (x) {
  case tier::absent: return "absent";
  case tier::mapped: return "mapped";
  case tier::packed: return "packed";
  case tier::host: return "host";
  case tier::device: return "device";
  }
  return "unknown";
}

std::string_view to_string(pressure x) noexcept {
  switch (x) {
  case pressure::none: return "none";
  case pressure::high: return "high";
  case pressure::critical: return "critical";
  }
  return "unknown";
}

std::uint64_t total(const std::vector<device_bytes>& x) noexcept {
  std::uint64_t sum = 0;
  for (const auto& one : x) sum += one.bytes;
  return sum;
}

std::string_view to_string(unload_mode x) noexcept {
  return x == unload_mode::when_done ? "when_done" : "if_idle";
}

std::string_view to_string(isolation x) noexcept { return x == isolation::process ? "process" : "none"; }

std::string_view to_string(link_state x) noexcept {
  switch (x) {
  case link_state::here: return "here";
  case link_state::connecting: return "connecting";
  case link_state::up: return "up";
  case link_state::ejected: return "ejected";
  }
  return "unknown";
}

std::string_view to_string(health x) noexcept {
  switch (x) {
  case health::starting: return "starting";
  case health::healthy: return "healthy";
  case health::degraded: return "degraded";
  case health::unhealthy: return "unhealthy";
  case health::failed: return "failed";
  case health::stopped: return "stopped";
  }
  return "unknown";
}

std::string_view to_string(model_state x) noexcept {
  switch (x) {
  case model_state::absent: return "absent";
  case model_state::loading: return "loading";
  case model_state::ready: return "ready";
  case model_state::draining: return "draining";
  case model_state::failed: return "failed";
  case model_state::moving: return "moving";
  }
  return "unknown";
}

std::string_view to_string(service_state x) noexcept {
  switch (x) {
  case service_state::waiting: return "waiting";
  case service_state::starting: return "starting";
  case service_state::running: return "running";
  case service_state::stopping: return "stopping";
  case service_state::stopped: return "stopped";
  case service_state::failed: return "failed";
  case service_state::restarting: return "restarting";
  }
  return "unknown";
}

} // namespace vef
