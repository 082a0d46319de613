#pragma once

#include <vef/messages/preparation.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vef {

enum class rating : std::uint8_t { fast, balanced, accurate };

/// Where a model's weights are, cheapest first. A backend declares which of them its models can be in.
enum class tier : std::uint8_t {
  absent, ///< nowhere but on disk
  mapped, ///< host memory, used in place from the file: clean pages that the kernel can take back
  packed, ///< host memory of our own, rearranged for speed
  host,   ///< host memory, undivided
  device, ///< the memory of an accelerator
};

/// What a model needs to be in a tier.
struct tier_need {
  vef::tier tier = tier::host;
  std::string device = "host"; ///< whose memory: "host", "cuda:0"
  std::uint64_t bytes = 0;     ///< an estimate until the model was loaded once
  bool serves = true;          ///< pictures can be embedded from there; if not, the first request moves it up

  bool operator==(const tier_need&) const = default;

  static constexpr std::string_view type_name = "vef::tier_need";
  static constexpr auto fields() {
    return std::tuple{field{"tier", &tier_need::tier}, field{"device", &tier_need::device},
                      field{"bytes", &tier_need::bytes}, field{"serves", &tier_need::serves}};
  }
};

/// Something else that is known of a model, for people: "family" "clip", "weights" "float16".
struct model_fact {
  std::string name;
  std::string value;

  bool operator==(const model_fact&) const = default;

  static constexpr std::string_view type_name = "vef::model_fact";
  static constexpr auto fields() {
    return std::tuple{field{"name", &model_fact::name}, field{"value", &model_fact::value}};
  }
};

/// One entry of a backend's catalog.
struct model_info {
  std::string id;   ///< unique within its service
  std::string name; ///< for people
  std::string description = {};
  std::uint32_t embed_dim = 0;        ///< length of its vectors
  std::uint32_t preprocess_size = 0;  ///< longer side of its input in pixels; 0: any
  std::uint64_t memory_estimate = 0;  ///< bytes of memory while loaded, working memory included
  std::uint64_t working_estimate = 0; ///< bytes of working memory that each picture of a pass adds
  rating performance_rating = rating::balanced;
  std::string recommended_use = {};
  preparation prepare = {};
  std::vector<tier_need> tiers = {}; ///< the ladder, lowest tier first, a line for each device that a tier
                                     ///< needs; empty: one tier, `host`, of `memory_estimate` bytes
  std::uint32_t batch_size = 8;      ///< pictures in a forward pass unless a request says otherwise
  bool normalized = false;           ///< vectors have the length 1
  std::optional<std::chrono::milliseconds> keep_alive =
      {}; ///< after its last use; instead of its service's timeouts
  std::vector<model_fact> facts = {};

  bool operator==(const model_info&) const = default;

  static constexpr std::string_view type_name = "vef::model_info";
  static constexpr auto fields() {
    return std::tuple{field{"id", &model_info::id},
                      field{"name", &model_info::name},
                      field{"description", &model_info::description},
                      field{"embed_dim", &model_info::embed_dim},
                      field{"preprocess_size", &model_info::preprocess_size},
                      field{"memory_estimate", &model_info::memory_estimate},
                      field{"working_estimate", &model_info::working_estimate},
                      field{"performance_rating", &model_info::performance_rating},
                      field{"recommended_use", &model_info::recommended_use},
                      field{"prepare", &model_info::prepare},
                      field{"tiers", &model_info::tiers},
                      field{"batch_size", &model_info::batch_size},
                      field{"normalized", &model_info::normalized},
                      field{"keep_alive", &model_info::keep_alive},
                      field{"facts", &model_info::facts}};
  }
};

/// A model and the service that offers it.
struct catalog_entry {
  std::string service;
  model_info model;
  bool is_default = false; ///< what the service takes for an empty model id

  bool operator==(const catalog_entry&) const = default;

  static constexpr std::string_view type_name = "vef::catalog_entry";
  static constexpr auto fields() {
    return std::tuple{field{"service", &catalog_entry::service}, field{"model", &catalog_entry::model},
                      field{"is_default", &catalog_entry::is_default}};
  }
};

/// What is known of a kind of backend.
struct backend_metadata {
  std::string name = {}; ///< filled in by the registration
  std::string description = {};
  std::string version = {};
  std::string author = {};
  std::vector<std::string> tags = {};

  bool operator==(const backend_metadata&) const = default;

  static constexpr std::string_view type_name = "vef::backend_metadata";
  static constexpr auto fields() {
    return std::tuple{field{"name", &backend_metadata::name},
                      field{"description", &backend_metadata::description},
                      field{"version", &backend_metadata::version},
                      field{"author", &backend_metadata::author}, field{"tags", &backend_metadata::tags}};
  }
};

std::string_view to_string(rating x) noexcept;
std::string_view to_string(tier x) noexcept;

} // namespace vef
