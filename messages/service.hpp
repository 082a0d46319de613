#pragma once

#include <vef/messages/memory.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vef {

/// Where the backend of a service runs.
enum class isolation : std::uint8_t {
  none,    ///< in this process
  process, ///< in a process of its own: a crash in it costs what it was working on, and nobody else
};

/// How a service is watched, beside its `health_check_interval`.
struct health_rules {
  std::chrono::milliseconds deadline{5000}; ///< for the answer to one check
  std::uint32_t misses = 3;                 ///< checks in a row without an answer: it is restarted

  /// A forward pass that takes so long is stuck in foreign code: its thread is given up and the model made
  /// anew. A queue without progress for so long is unhealthy.
  std::chrono::milliseconds stuck_after{120000};

  bool canary = false; ///< each check embeds a tiny picture with every model that is ready; no use of it

  bool operator==(const health_rules&) const = default;

  static constexpr std::string_view type_name = "vef::health_rules";
  static constexpr auto fields() {
    return std::tuple{field{"deadline", &health_rules::deadline}, field{"misses", &health_rules::misses},
                      field{"stuck_after", &health_rules::stuck_after},
                      field{"canary", &health_rules::canary}};
  }
};

/// When a service that died is started again: after a pause that doubles with each death, drawn at random
/// from its upper half, so that those who died together do not come back together.
struct restart_rules {
  std::chrono::milliseconds first_pause{200};
  std::chrono::milliseconds longest_pause{30000};
  std::uint32_t most = 5; ///< restarts within `window`; then it is `failed` until somebody resets it
  std::chrono::milliseconds window{300000};
  bool with_dependencies = false; ///< stop when a service that this one needs dies, and start after it
  bool warm = false;              ///< models that were loaded are loaded again

  bool operator==(const restart_rules&) const = default;

  static constexpr std::string_view type_name = "vef::restart_rules";
  static constexpr auto fields() {
    return std::tuple{field{"first_pause", &restart_rules::first_pause},
                      field{"longest_pause", &restart_rules::longest_pause},
                      field{"most", &restart_rules::most},
                      field{"window", &restart_rules::window},
                      field{"with_dependencies", &restart_rules::with_dependencies},
                      field{"warm", &restart_rules::warm}};
  }
};

/// A named, configured instance of a backend, as somebody asks for it.
struct service_spec {
  std::string name;                           ///< unique on its node
  std::string backend = {};                   ///< a registered backend type; empty: the same as `name`
  std::vector<std::string> dependencies = {}; ///< services that must run first

  /// What must be there before it starts: "cuda", "library:libfoo.so", "path:/srv/models", "backend:torch",
  /// "memory:2GiB" (supervisor/capabilities.hpp).
  std::vector<std::string> required_capabilities = {};

  std::int32_t startup_priority = 5; ///< lower starts first among those that could start
  std::chrono::milliseconds health_check_interval{60000};
  bool auto_start = true;                           ///< else it is known and stopped until somebody starts it
  std::uint32_t max_loaded_models = 0;              ///< an idle one makes room for another; 0: no limit
  std::optional<idle_timeouts> idle = {};           ///< instead of the node's
  std::map<std::string, std::string> settings = {}; ///< the backend's own
  vef::isolation isolation = isolation::none;
  health_rules health = {};
  restart_rules restart = {};

  bool operator==(const service_spec&) const = default;

  static constexpr std::string_view type_name = "vef::service_spec";
  static constexpr auto fields() {
    return std::tuple{field{"name", &service_spec::name},
                      field{"backend", &service_spec::backend},
                      field{"dependencies", &service_spec::dependencies},
                      field{"required_capabilities", &service_spec::required_capabilities},
                      field{"startup_priority", &service_spec::startup_priority},
                      field{"health_check_interval", &service_spec::health_check_interval},
                      field{"auto_start", &service_spec::auto_start},
                      field{"max_loaded_models", &service_spec::max_loaded_models},
                      field{"idle", &service_spec::idle},
                      field{"settings", &service_spec::settings},
                      field{"isolation", &service_spec::isolation},
                      field{"health", &service_spec::health},
                      field{"restart", &service_spec::restart}};
  }
};

/// What to do about the requests of a model that is to be unloaded.
enum class unload_mode : std::uint8_t {
  when_done, ///< let the requests admitted so far finish first; later ones load it again
  if_idle,   ///< refuse with `in_use` if there are any
};

/// Which models to unload: an empty name means all.
struct unload_request {
  std::string service = {};
  std::string model = {};
  unload_mode mode = unload_mode::when_done;

  bool operator==(const unload_request&) const = default;

  static constexpr std::string_view type_name = "vef::unload_request";
  static constexpr auto fields() {
    return std::tuple{field{"service", &unload_request::service}, field{"model", &unload_request::model},
                      field{"mode", &unload_request::mode}};
  }
};

/// What became of one model that was to leave a tier, and why it was to.
struct unload_report {
  std::string service;
  std::string model;
  error outcome = {};               ///< `ok`: it has left
  std::uint64_t bytes_expected = 0; ///< what it held of what it was to give back
  std::uint64_t bytes_returned = 0; ///< of these, by how much the memory in use fell; other work blurs it
  std::chrono::microseconds took{};
  vef::tier from = tier::absent;
  vef::tier to = tier::absent; ///< the same as `from`: only its working memory was given back
  std::string why = {};        ///< "not used for 600 s", "makes room for 's/m'"; empty: somebody asked for it
  double score = 0;            ///< by the eviction policy; the lower, the sooner it goes; 0: none was needed
  timestamp when{};

  bool operator==(const unload_report&) const = default;

  static constexpr std::string_view type_name = "vef::unload_report";
  static constexpr auto fields() {
    return std::tuple{field{"service", &unload_report::service},
                      field{"model", &unload_report::model},
                      field{"outcome", &unload_report::outcome},
                      field{"bytes_expected", &unload_report::bytes_expected},
                      field{"bytes_returned", &unload_report::bytes_returned},
                      field{"took", &unload_report::took},
                      field{"from", &unload_report::from},
                      field{"to", &unload_report::to},
                      field{"why", &unload_report::why},
                      field{"score", &unload_report::score},
                      field{"when", &unload_report::when}};
  }
};

/// Unload idle models where more than this share of a memory is in use, until it is not.
struct pressure_request {
  double threshold = 0.85; ///< 0..1

  bool operator==(const pressure_request&) const = default;

  static constexpr std::string_view type_name = "vef::pressure_request";
  static constexpr auto fields() { return std::tuple{field{"threshold", &pressure_request::threshold}}; }
};

std::string_view to_string(isolation x) noexcept;
std::string_view to_string(unload_mode x) noexcept;

} // namespace vef
