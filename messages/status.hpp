#pragma once

#include <vef/messages/service.hpp>

namespace vef {

using timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// The life of a model: absent -> loading -> ready -> draining -> absent; `failed` is absent with a reason,
/// and the next request tries again.
enum class model_state : std::uint8_t { absent, loading, ready, draining, failed };

enum class service_state : std::uint8_t { waiting, starting, running, stopping, stopped, failed };

struct model_status {
  std::string service;
  std::string model;
  model_state state = model_state::absent;
  vef::tier tier = tier::absent;
  std::uint64_t bytes = 0;           ///< resident, as measured; while loading: reserved
  std::uint64_t bytes_estimated = 0; ///< what was reserved before the last load
  timestamp loaded_at{};             ///< the epoch: never
  timestamp last_used{};
  std::uint64_t loads = 0;
  std::uint64_t requests = 0;
  std::uint64_t images = 0;   ///< that got a vector
  std::uint64_t failures = 0; ///< images that got an error
  std::uint64_t batches = 0;
  std::uint32_t queued = 0;              ///< images that wait or are being worked on
  std::chrono::microseconds load_time{}; ///< of the last load
  error last_error;

  bool operator==(const model_status&) const = default;

  static constexpr std::string_view type_name = "vef::model_status";
  static constexpr auto fields() {
    return std::tuple{field{"service", &model_status::service},
                      field{"model", &model_status::model},
                      field{"state", &model_status::state},
                      field{"tier", &model_status::tier},
                      field{"bytes", &model_status::bytes},
                      field{"bytes_estimated", &model_status::bytes_estimated},
                      field{"loaded_at", &model_status::loaded_at},
                      field{"last_used", &model_status::last_used},
                      field{"loads", &model_status::loads},
                      field{"requests", &model_status::requests},
                      field{"images", &model_status::images},
                      field{"failures", &model_status::failures},
                      field{"batches", &model_status::batches},
                      field{"queued", &model_status::queued},
                      field{"load_time", &model_status::load_time},
                      field{"last_error", &model_status::last_error}};
  }
};

struct service_status {
  std::string name;
  std::string backend;
  service_state state = service_state::waiting;
  error reason; ///< why it is not running
  timestamp since{};
  std::string default_model;
  std::vector<model_info> catalog;
  std::vector<model_status> models; ///< those that were used at least once

  bool operator==(const service_status&) const = default;

  static constexpr std::string_view type_name = "vef::service_status";
  static constexpr auto fields() {
    return std::tuple{
        field{"name", &service_status::name},       field{"backend", &service_status::backend},
        field{"state", &service_status::state},     field{"reason", &service_status::reason},
        field{"since", &service_status::since},     field{"default_model", &service_status::default_model},
        field{"catalog", &service_status::catalog}, field{"models", &service_status::models}};
  }
};

/// The ledger of one device, in bytes. reserved + resident <= capacity at all times.
struct device_memory {
  std::string device;
  std::uint64_t capacity = 0;
  std::uint64_t reserved = 0; ///< set aside for loads under way
  std::uint64_t resident = 0; ///< held by loaded models
  std::vector<memory_claim> claims;

  bool operator==(const device_memory&) const = default;

  static constexpr std::string_view type_name = "vef::device_memory";
  static constexpr auto fields() {
    return std::tuple{field{"device", &device_memory::device}, field{"capacity", &device_memory::capacity},
                      field{"reserved", &device_memory::reserved},
                      field{"resident", &device_memory::resident}, field{"claims", &device_memory::claims}};
  }
};

struct node_status {
  std::string version;
  timestamp started_at{};
  std::vector<backend_metadata> backends;
  std::vector<service_status> services;
  std::vector<device_memory> memory;

  bool operator==(const node_status&) const = default;

  static constexpr std::string_view type_name = "vef::node_status";
  static constexpr auto fields() {
    return std::tuple{field{"version", &node_status::version}, field{"started_at", &node_status::started_at},
                      field{"backends", &node_status::backends}, field{"services", &node_status::services},
                      field{"memory", &node_status::memory}};
  }
};

/// A change that subscribers of the registry hear of.
struct registry_event {
  service_status service; ///< as it is now

  bool operator==(const registry_event&) const = default;

  static constexpr std::string_view type_name = "vef::registry_event";
  static constexpr auto fields() { return std::tuple{field{"service", &registry_event::service}}; }
};

std::string_view to_string(model_state x) noexcept;
std::string_view to_string(service_state x) noexcept;

} // namespace vef
