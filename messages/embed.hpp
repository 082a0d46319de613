#pragma once

#include <vef/messages/image.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vef {

/// Among requests that wait for one model, a higher priority goes first; within one, the older goes first.
enum class priority : std::uint8_t { low, normal, high };

/// What becomes of a request whose service, process or node dies while it is under way.
enum class replay : std::uint8_t {
  never,     ///< it may have been done: the answer is `unavailable`, and nobody does it a second time
  elsewhere, ///< another one that is able to does it, at once; else the answer is `unavailable`
  when_back, ///< the same, and if there is no other it waits for its service, within `time_allowed`
};

/// Pictures to turn into vectors.
struct embed_request {
  std::string service = {}; ///< empty: whichever service offers the model
  std::string model = {}; ///< empty: the service's default, and of the first service if none is named either
  std::vector<image> images = {};
  std::string variant = "default";
  std::uint32_t batch_size = 0; ///< pictures in a forward pass; 0: as the model prefers
  std::optional<std::chrono::milliseconds> time_allowed = {}; ///< from admission; then `deadline_exceeded`
  vef::priority priority = priority::normal;

  /// How long the model stays in memory after this request: 0 lets it go at once, `keep_for_ever` keeps it
  /// until memory is short; none: as it is configured. The last request that says something counts.
  std::optional<std::chrono::milliseconds> keep_alive = {};

  vef::replay replay = replay::elsewhere;
  std::string node = {};                ///< of a cluster: only this one; empty: any
  std::vector<std::string> labels = {}; ///< only nodes that have all of these

  bool operator==(const embed_request&) const = default;

  static constexpr std::string_view type_name = "vef::embed_request";
  static constexpr auto fields() {
    return std::tuple{
        field{"service", &embed_request::service},       field{"model", &embed_request::model},
        field{"images", &embed_request::images},         field{"variant", &embed_request::variant},
        field{"batch_size", &embed_request::batch_size}, field{"time_allowed", &embed_request::time_allowed},
        field{"priority", &embed_request::priority},     field{"keep_alive", &embed_request::keep_alive},
        field{"replay", &embed_request::replay},         field{"node", &embed_request::node},
        field{"labels", &embed_request::labels}};
  }
};

/// Where the time of a request went.
struct embed_timing {
  std::chrono::microseconds total{};   ///< from admission to reply
  std::chrono::microseconds load{};    ///< waiting for the model to load
  std::chrono::microseconds prepare{}; ///< decoding and resizing, added up over the pictures
  std::chrono::microseconds embed{};   ///< forward passes, each in full for every request that shared it

  bool operator==(const embed_timing&) const = default;

  static constexpr std::string_view type_name = "vef::embed_timing";
  static constexpr auto fields() {
    return std::tuple{field{"total", &embed_timing::total}, field{"load", &embed_timing::load},
                      field{"prepare", &embed_timing::prepare}, field{"embed", &embed_timing::embed}};
  }
};

/// One vector or one error for each picture of the request, in its order.
struct embed_reply {
  std::string service;
  std::string model;
  matrix vectors;              ///< row i belongs to picture i; zeros where outcomes[i] is an error
  std::vector<error> outcomes; ///< code `ok` where there is a vector
  embed_timing timing;

  bool operator==(const embed_reply&) const = default;

  static constexpr std::string_view type_name = "vef::embed_reply";
  static constexpr auto fields() {
    return std::tuple{field{"service", &embed_reply::service}, field{"model", &embed_reply::model},
                      field{"vectors", &embed_reply::vectors}, field{"outcomes", &embed_reply::outcomes},
                      field{"timing", &embed_reply::timing}};
  }
};

} // namespace vef
