#pragma once

#include <vef/messages/health.hpp>
#include <vef/messages/service.hpp>

namespace vef {

/// The life of a model: absent -> loading -> ready -> draining -> absent; on its way between two tiers it is
/// `moving`; `failed` is absent with a reason, and the next request tries again.
enum class model_state : std::uint8_t { absent, loading, ready, draining, failed, moving };

/// The life of a service: stopped -> waiting (for those that it needs) -> starting -> running -> stopping ->
/// stopped. One that died is `restarting`, which is the pause before the next start, and `failed` when it
/// died too often; then it waits for somebody to reset it.
enum class service_state : std::uint8_t { waiting, starting, running, stopping, stopped, failed, restarting };

struct model_status {
  std::string service;
  std::string model;
  model_state state = model_state::absent;
  vef::tier tier = tier::absent;
  std::uint64_t bytes = 0;           ///< held on all devices, as measured; while loading: reserved
  std::uint64_t working_bytes = 0;   ///< of these, memory for forward passes
  std::uint64_t bytes_estimated = 0; ///< what was reserved before the last load
  timestamp loaded_at{};             ///< the epoch: never
  timestamp last_used{};
  std::uint64_t loads = 0;
  std::uint64_t requests = 0;
  std::uint64_t images = 0;   ///< that got a vector
  std::uint64_t failures = 0; ///< images that got an error
  std::uint64_t batches = 0;
  std::uint64_t ran_out = 0;             ///< batches that found no memory and were halved
  std::uint32_t queued = 0;              ///< images that wait or are being worked on
  std::chrono::microseconds load_time{}; ///< of the last load
  error last_error;
  health_report health;
  std::chrono::milliseconds oldest_queued{};  ///< how long the oldest request has been here; 0: none is
  std::chrono::milliseconds oldest_running{}; ///< how long the oldest piece of work has been under way
  std::chrono::milliseconds no_progress{};    ///< while there are requests: since something was done for one

  bool operator==(const model_status&) const = default;

  static constexpr std::string_view type_name = "vef::model_status";
  static constexpr auto fields() {
    return std::tuple{field{"service", &model_status::service},
                      field{"model", &model_status::model},
                      field{"state", &model_status::state},
                      field{"tier", &model_status::tier},
                      field{"bytes", &model_status::bytes},
                      field{"working_bytes", &model_status::working_bytes},
                      field{"bytes_estimated", &model_status::bytes_estimated},
                      field{"loaded_at", &model_status::loaded_at},
                      field{"last_used", &model_status::last_used},
                      field{"loads", &model_status::loads},
                      field{"requests", &model_status::requests},
                      field{"images", &model_status::images},
                      field{"failures", &model_status::failures},
                      field{"batches", &model_status::batches},
                      field{"ran_out", &model_status::ran_out},
                      field{"queued", &model_status::queued},
                      field{"load_time", &model_status::load_time},
                      field{"last_error", &model_status::last_error},
                      field{"health", &model_status::health},
                      field{"oldest_queued", &model_status::oldest_queued},
                      field{"oldest_running", &model_status::oldest_running},
                      field{"no_progress", &model_status::no_progress}};
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
  service_spec spec;
  health_report health;
  timestamp checked_at{};          ///< when it answered a health check last; the epoch: never
  std::uint32_t missed_checks = 0; ///< in a row
  std::uint64_t restarts = 0;      ///< since it was made
  error last_failure;              ///< why it died, or did not start, the last time
  timestamp next_start{};          ///< while `restarting`
  std::vector<std::string> needed_by;
  std::int32_t pid = 0; ///< of its process, if it has one of its own

  bool operator==(const service_status&) const = default;

  static constexpr std::string_view type_name = "vef::service_status";
  static constexpr auto fields() {
    return std::tuple{field{"name", &service_status::name},
                      field{"backend", &service_status::backend},
                      field{"state", &service_status::state},
                      field{"reason", &service_status::reason},
                      field{"since", &service_status::since},
                      field{"default_model", &service_status::default_model},
                      field{"catalog", &service_status::catalog},
                      field{"models", &service_status::models},
                      field{"spec", &service_status::spec},
                      field{"health", &service_status::health},
                      field{"checked_at", &service_status::checked_at},
                      field{"missed_checks", &service_status::missed_checks},
                      field{"restarts", &service_status::restarts},
                      field{"last_failure", &service_status::last_failure},
                      field{"next_start", &service_status::next_start},
                      field{"needed_by", &service_status::needed_by},
                      field{"pid", &service_status::pid}};
  }
};

/// What one model holds of one device's memory, in bytes.
struct memory_holding {
  model_key who;
  vef::tier tier = tier::absent;
  std::uint64_t reserved = 0; ///< set aside for a load or a move under way
  std::uint64_t resident = 0; ///< weights
  std::uint64_t working = 0;  ///< for forward passes
  bool leased = false;        ///< requests are under way
  bool pinned = false;

  bool operator==(const memory_holding&) const = default;

  static constexpr std::string_view type_name = "vef::memory_holding";
  static constexpr auto fields() {
    return std::tuple{
        field{"who", &memory_holding::who},           field{"tier", &memory_holding::tier},
        field{"reserved", &memory_holding::reserved}, field{"resident", &memory_holding::resident},
        field{"working", &memory_holding::working},   field{"leased", &memory_holding::leased},
        field{"pinned", &memory_holding::pinned}};
  }
};

/// The ledger of one device, in bytes. reserved + resident + working <= capacity at all times.
struct device_memory {
  std::string device;
  std::uint64_t capacity = 0;  ///< the budget
  std::uint64_t reserved = 0;  ///< set aside for loads under way
  std::uint64_t resident = 0;  ///< weights of loaded models
  std::uint64_t working = 0;   ///< set aside for forward passes
  std::uint64_t room = 0;      ///< that a load could have now without an eviction
  device_reading reading = {}; ///< what the kernel or the driver said last; total 0: nothing yet
  vef::pressure pressure = vef::pressure::none;
  std::vector<memory_holding> holdings = {};

  bool operator==(const device_memory&) const = default;

  static constexpr std::string_view type_name = "vef::device_memory";
  static constexpr auto fields() {
    return std::tuple{
        field{"device", &device_memory::device},     field{"capacity", &device_memory::capacity},
        field{"reserved", &device_memory::reserved}, field{"resident", &device_memory::resident},
        field{"working", &device_memory::working},   field{"room", &device_memory::room},
        field{"reading", &device_memory::reading},   field{"pressure", &device_memory::pressure},
        field{"holdings", &device_memory::holdings}};
  }
};

/// One step of making room: a model goes to a lower tier, or gives its spare working memory back.
struct eviction_step {
  model_key who;
  vef::tier from = tier::absent;
  vef::tier to = tier::absent; ///< the same as `from`: only working memory
  std::vector<device_bytes> frees = {};
  double score = 0; ///< by the eviction policy
  std::string why = {};

  bool operator==(const eviction_step&) const = default;

  static constexpr std::string_view type_name = "vef::eviction_step";
  static constexpr auto fields() {
    return std::tuple{field{"who", &eviction_step::who},     field{"from", &eviction_step::from},
                      field{"to", &eviction_step::to},       field{"frees", &eviction_step::frees},
                      field{"score", &eviction_step::score}, field{"why", &eviction_step::why}};
  }
};

/// What would happen if a model were loaded now.
struct load_plan {
  error refusal = {};                        ///< why it could not be; `ok` if it could
  std::vector<device_bytes> needs = {};      ///< working memory included
  bool measured = false;                     ///< the needs come from an earlier load, not from the catalog
  std::vector<eviction_step> evictions = {}; ///< in the order in which they would be made

  bool operator==(const load_plan&) const = default;

  static constexpr std::string_view type_name = "vef::load_plan";
  static constexpr auto fields() {
    return std::tuple{field{"refusal", &load_plan::refusal}, field{"needs", &load_plan::needs},
                      field{"measured", &load_plan::measured}, field{"evictions", &load_plan::evictions}};
  }
};

/// How the governor stands.
struct memory_status {
  std::vector<device_memory> devices;
  std::string policy;        ///< by which idle models are chosen for eviction
  std::uint32_t waiting = 0; ///< loads that wait for room
  std::uint64_t granted = 0; ///< loads and moves since the start
  std::uint64_t refused = 0;
  std::uint64_t evicted = 0; ///< models that went, wholly or a tier down, without anybody having asked
  std::vector<model_usage> usage;
  std::vector<unload_report> recent; ///< who left last and why, the last one last

  bool operator==(const memory_status&) const = default;

  static constexpr std::string_view type_name = "vef::memory_status";
  static constexpr auto fields() {
    return std::tuple{field{"devices", &memory_status::devices}, field{"policy", &memory_status::policy},
                      field{"waiting", &memory_status::waiting}, field{"granted", &memory_status::granted},
                      field{"refused", &memory_status::refused}, field{"evicted", &memory_status::evicted},
                      field{"usage", &memory_status::usage},     field{"recent", &memory_status::recent}};
  }
};

/// The threads of one kind that do a node's work.
struct worker_status {
  std::string name;
  std::uint32_t threads = 0; ///< without those that are stuck
  std::uint32_t running = 0;
  std::uint32_t waiting = 0; ///< jobs
  std::uint32_t stuck = 0;   ///< threads that were given up and have not come back
  std::uint64_t retired = 0; ///< threads that were ever given up

  bool operator==(const worker_status&) const = default;

  static constexpr std::string_view type_name = "vef::worker_status";
  static constexpr auto fields() {
    return std::tuple{field{"name", &worker_status::name},       field{"threads", &worker_status::threads},
                      field{"running", &worker_status::running}, field{"waiting", &worker_status::waiting},
                      field{"stuck", &worker_status::stuck},     field{"retired", &worker_status::retired}};
  }
};

struct node_status {
  std::string version;
  timestamp started_at{};
  std::vector<backend_metadata> backends;
  std::vector<service_status> services;
  memory_status memory;
  health_report health;
  std::vector<worker_status> workers;

  bool operator==(const node_status&) const = default;

  static constexpr std::string_view type_name = "vef::node_status";
  static constexpr auto fields() {
    return std::tuple{
        field{"version", &node_status::version},   field{"started_at", &node_status::started_at},
        field{"backends", &node_status::backends}, field{"services", &node_status::services},
        field{"memory", &node_status::memory},     field{"health", &node_status::health},
        field{"workers", &node_status::workers}};
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
