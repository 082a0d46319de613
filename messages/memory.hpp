#pragma once

#include <vef/messages/errors.hpp>
#include <vef/messages/model.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace vef {

using timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// A model of a service, by name.
struct model_key {
  std::string service;
  std::string model;

  auto operator<=>(const model_key&) const = default;

  static constexpr std::string_view type_name = "vef::model_key";
  static constexpr auto fields() {
    return std::tuple{field{"service", &model_key::service}, field{"model", &model_key::model}};
  }
};

/// Bytes of one device's memory.
struct device_bytes {
  std::string device = "host";
  std::uint64_t bytes = 0;

  bool operator==(const device_bytes&) const = default;

  static constexpr std::string_view type_name = "vef::device_bytes";
  static constexpr auto fields() {
    return std::tuple{field{"device", &device_bytes::device}, field{"bytes", &device_bytes::bytes}};
  }
};

std::uint64_t total(const std::vector<device_bytes>& x) noexcept;

/// What a model holds of each device's memory.
struct model_memory {
  std::vector<device_bytes> weights; ///< until the model changes its tier
  std::vector<device_bytes> working; ///< of passes under way, and kept for the next ones

  bool operator==(const model_memory&) const = default;

  static constexpr std::string_view type_name = "vef::model_memory";
  static constexpr auto fields() {
    return std::tuple{field{"weights", &model_memory::weights}, field{"working", &model_memory::working}};
  }
};

// -- how long a model stays ---------------------------------------------------------------------------------

/// For a keep-alive: until somebody says otherwise.
inline constexpr auto keep_for_ever = std::chrono::milliseconds::max();

/// How long after its last use a model leaves a tier.
struct idle_timeouts {
  std::chrono::milliseconds device = std::chrono::seconds{600}; ///< goes one tier down
  std::chrono::milliseconds host = std::chrono::seconds{1800};  ///< leaves its lowest tier

  bool operator==(const idle_timeouts&) const = default;

  static constexpr std::string_view type_name = "vef::idle_timeouts";
  static constexpr auto fields() {
    return std::tuple{field{"device", &idle_timeouts::device}, field{"host", &idle_timeouts::host}};
  }
};

// -- what a model tells the governor ------------------------------------------------------------------------

/// A model that is not in memory, or in a lower tier, and wants to be in `tier`.
struct load_claim {
  std::string service;
  std::string model;
  vef::tier tier = vef::tier::host;
  std::vector<tier_need> ladder;      ///< what each of its tiers needs, by the catalog
  std::uint64_t working_estimate = 0; ///< of a pass over one picture, by the catalog
  std::uint32_t places = 0;           ///< models of this service that may be in memory; 0: any number
  idle_timeouts idle;                 ///< of the service
  std::optional<std::chrono::milliseconds> keep_alive = {}; ///< of the model: goes before `idle`
  bool optional = false; ///< only if there is room without an eviction; never waits

  model_key key() const { return {service, model}; }
  bool operator==(const load_claim&) const = default;

  static constexpr std::string_view type_name = "vef::load_claim";
  static constexpr auto fields() {
    return std::tuple{field{"service", &load_claim::service},
                      field{"model", &load_claim::model},
                      field{"tier", &load_claim::tier},
                      field{"ladder", &load_claim::ladder},
                      field{"working_estimate", &load_claim::working_estimate},
                      field{"places", &load_claim::places},
                      field{"idle", &load_claim::idle},
                      field{"keep_alive", &load_claim::keep_alive},
                      field{"optional", &load_claim::optional}};
  }
};

/// Bytes that a pass over so many pictures was measured to need.
struct working_sample {
  std::uint32_t pictures = 0;
  std::uint64_t bytes = 0;

  bool operator==(const working_sample&) const = default;

  static constexpr std::string_view type_name = "vef::working_sample";
  static constexpr auto fields() {
    return std::tuple{field{"pictures", &working_sample::pictures}, field{"bytes", &working_sample::bytes}};
  }
};

/// What was set aside for a load.
struct load_grant {
  model_memory reserved;
  std::vector<working_sample> learned; ///< working memory, from earlier loads
  bool measured = false;               ///< the figures come from an earlier load, not from the catalog

  bool operator==(const load_grant&) const = default;

  static constexpr std::string_view type_name = "vef::load_grant";
  static constexpr auto fields() {
    return std::tuple{field{"reserved", &load_grant::reserved}, field{"learned", &load_grant::learned},
                      field{"measured", &load_grant::measured}};
  }
};

/// A model is in a tier, and what that took.
struct load_result {
  model_key who;
  vef::tier tier = vef::tier::absent;
  model_memory measured;
  std::chrono::microseconds took{};

  bool operator==(const load_result&) const = default;

  static constexpr std::string_view type_name = "vef::load_result";
  static constexpr auto fields() {
    return std::tuple{field{"who", &load_result::who}, field{"tier", &load_result::tier},
                      field{"measured", &load_result::measured}, field{"took", &load_result::took}};
  }
};

/// What a model says of its use: when it becomes busy, when it becomes idle, when it has learned something.
struct usage_record {
  model_key who;
  bool leased = false;                                      ///< requests are under way: it can't be evicted
  std::uint32_t requests = 0;                               ///< answered since the last record
  std::uint32_t images = 0;                                 ///< that got a vector since the last record
  std::optional<std::chrono::milliseconds> keep_alive = {}; ///< as the last request asked
  std::vector<working_sample> working = {};                 ///< measured since the last record

  bool operator==(const usage_record&) const = default;

  static constexpr std::string_view type_name = "vef::usage_record";
  static constexpr auto fields() {
    return std::tuple{field{"who", &usage_record::who},
                      field{"leased", &usage_record::leased},
                      field{"requests", &usage_record::requests},
                      field{"images", &usage_record::images},
                      field{"keep_alive", &usage_record::keep_alive},
                      field{"working", &usage_record::working}};
  }
};

// -- what is known of the models ----------------------------------------------------------------------------

/// What the books say of one model; kept over restarts.
struct model_usage {
  model_key who;
  std::uint64_t requests = 0;
  std::uint64_t images = 0; ///< that got a vector
  std::uint64_t loads = 0;
  std::uint64_t unloads = 0;
  timestamp last_used{};                     ///< the epoch: never
  timestamp resident_since{};                ///< the epoch: it is not in memory
  std::chrono::milliseconds resident_time{}; ///< in memory, all times together, the present one not included
  std::chrono::microseconds load_time{};     ///< of loads from disk, smoothed
  std::vector<tier_need> tiers = {};         ///< what it was measured to need in each tier it was in
  std::vector<working_sample> working = {};  ///< by pictures in a pass
  double estimate_error = 0; ///< (catalog's estimate - measured) / measured, of the first load

  bool operator==(const model_usage&) const = default;

  static constexpr std::string_view type_name = "vef::model_usage";
  static constexpr auto fields() {
    return std::tuple{field{"who", &model_usage::who},
                      field{"requests", &model_usage::requests},
                      field{"images", &model_usage::images},
                      field{"loads", &model_usage::loads},
                      field{"unloads", &model_usage::unloads},
                      field{"last_used", &model_usage::last_used},
                      field{"resident_since", &model_usage::resident_since},
                      field{"resident_time", &model_usage::resident_time},
                      field{"load_time", &model_usage::load_time},
                      field{"tiers", &model_usage::tiers},
                      field{"working", &model_usage::working},
                      field{"estimate_error", &model_usage::estimate_error}};
  }
};

/// What the kernel or a driver says of a memory.
struct device_reading {
  std::string device = "host";
  std::uint64_t total = 0;     ///< that there is, for this process: of the machine, or of its control group
  std::uint64_t available = 0; ///< that could be had without anybody being killed or swapped out
  std::uint64_t ours = 0;      ///< held by this process
  double stalled = 0; ///< share of the last ten seconds in which some task waited for memory (PSI); 0..1

  /// The share in use, 0..1.
  double used() const {
    return total == 0
               ? 0
               : 1 - static_cast<double>(available < total ? available : total) / static_cast<double>(total);
  }
  /// Bytes in use by everybody else.
  std::uint64_t others() const {
    auto used_bytes = total > available ? total - available : 0;
    return used_bytes > ours ? used_bytes - ours : 0;
  }

  bool operator==(const device_reading&) const = default;

  static constexpr std::string_view type_name = "vef::device_reading";
  static constexpr auto fields() {
    return std::tuple{field{"device", &device_reading::device}, field{"total", &device_reading::total},
                      field{"available", &device_reading::available}, field{"ours", &device_reading::ours},
                      field{"stalled", &device_reading::stalled}};
  }
};

/// How short a memory is.
enum class pressure : std::uint8_t {
  none,
  high,     ///< above the threshold: idle models go until it is below
  critical, ///< batches shrink and new loads are refused as well
};

std::string_view to_string(pressure x) noexcept;

} // namespace vef
