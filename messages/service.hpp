#pragma once

#include <vef/messages/model.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace vef {

/// A named, configured instance of a backend, as somebody asks for it.
struct service_spec {
  std::string name;                           ///< unique on its node
  std::string backend = {};                   ///< a registered backend type; empty: the same as `name`
  std::vector<std::string> dependencies = {}; ///< services that must run first
  std::vector<std::string> required_capabilities = {}; ///< "cuda", "library:libfoo.so", "path:/srv/models"
  std::int32_t startup_priority = 5;                   ///< lower starts first among those that could start
  std::chrono::milliseconds health_check_interval{60000};
  bool auto_start = true;
  std::uint32_t max_loaded_models = 0; ///< the idle one least recently used makes room; 0: no limit
  std::map<std::string, std::string> settings = {}; ///< the backend's own

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
                      field{"settings", &service_spec::settings}};
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

/// What became of one model that was to be unloaded.
struct unload_report {
  std::string service;
  std::string model;
  error outcome;                    ///< `ok`: it is absent now
  std::uint64_t bytes_expected = 0; ///< what the ledger held for it
  std::uint64_t bytes_returned = 0; ///< by how much the memory of this process fell; other work blurs it
  std::chrono::microseconds took{};

  bool operator==(const unload_report&) const = default;

  static constexpr std::string_view type_name = "vef::unload_report";
  static constexpr auto fields() {
    return std::tuple{field{"service", &unload_report::service},
                      field{"model", &unload_report::model},
                      field{"outcome", &unload_report::outcome},
                      field{"bytes_expected", &unload_report::bytes_expected},
                      field{"bytes_returned", &unload_report::bytes_returned},
                      field{"took", &unload_report::took}};
  }
};

/// Bytes that a model holds or asks for.
struct memory_claim {
  std::string service;
  std::string model;
  std::string device = "host";
  std::uint64_t bytes = 0;

  bool operator==(const memory_claim&) const = default;

  static constexpr std::string_view type_name = "vef::memory_claim";
  static constexpr auto fields() {
    return std::tuple{field{"service", &memory_claim::service}, field{"model", &memory_claim::model},
                      field{"device", &memory_claim::device}, field{"bytes", &memory_claim::bytes}};
  }
};

std::string_view to_string(unload_mode x) noexcept;

} // namespace vef
