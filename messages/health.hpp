#pragma once

#include <vef/messages/memory.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace vef {

/// How something that is watched is doing.
enum class health : std::uint8_t {
  starting,
  healthy,
  degraded,  ///< serves, but something is wrong
  unhealthy, ///< can't be relied on: stuck, or without an answer
  failed,    ///< given up until somebody resets it
  stopped
};

/// Whether requests are served.
constexpr bool ready(health x) noexcept { return x == health::healthy || x == health::degraded; }

struct health_report {
  health state = health::starting;
  std::string reason = {}; ///< empty where it is healthy
  timestamp since{};       ///< that it is in this state

  bool operator==(const health_report&) const = default;

  static constexpr std::string_view type_name = "vef::health_report";
  static constexpr auto fields() {
    return std::tuple{field{"state", &health_report::state}, field{"reason", &health_report::reason},
                      field{"since", &health_report::since}};
  }
};

/// What a service is asked on its health-check interval.
struct check_request {
  bool canary = false;                      ///< embed a tiny picture with every model that is ready
  std::chrono::milliseconds patience{5000}; ///< it answers within this time, whatever its backend does

  bool operator==(const check_request&) const = default;

  static constexpr std::string_view type_name = "vef::check_request";
  static constexpr auto fields() {
    return std::tuple{field{"canary", &check_request::canary}, field{"patience", &check_request::patience}};
  }
};

/// What a service says of itself.
struct check_report {
  error backend = {};                        ///< its backend's own judgement, or that it gave none in time
  error canary = {};                         ///< the first that failed
  std::chrono::milliseconds oldest_queued{}; ///< of all of its models
  std::chrono::milliseconds oldest_running{};
  std::chrono::milliseconds no_progress{};
  std::uint32_t failed_models = 0;      ///< whose last load failed
  error model = {};                     ///< why, for the first of them
  bool has_new_catalog = false;         ///< models came or went since the last report
  std::vector<model_info> catalog = {}; ///< if so: the models that it offers now

  bool operator==(const check_report&) const = default;

  static constexpr std::string_view type_name = "vef::check_report";
  static constexpr auto fields() {
    return std::tuple{field{"backend", &check_report::backend},
                      field{"canary", &check_report::canary},
                      field{"oldest_queued", &check_report::oldest_queued},
                      field{"oldest_running", &check_report::oldest_running},
                      field{"no_progress", &check_report::no_progress},
                      field{"failed_models", &check_report::failed_models},
                      field{"model", &check_report::model},
                      field{"has_new_catalog", &check_report::has_new_catalog},
                      field{"catalog", &check_report::catalog}};
  }
};

std::string_view to_string(health x) noexcept;

} // namespace vef
