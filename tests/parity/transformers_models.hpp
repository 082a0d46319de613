#pragma once

#include <vef/backends/transformers/transformers.hpp>

#include "parity/torch_models.hpp"
#include "support/golden.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <string>

namespace vef::test {

inline nlohmann::json read_json_file(const std::filesystem::path& file) {
  std::ifstream in{file};
  return nlohmann::json::parse(in);
}

/// The backend with the checkpoints of a folder.
inline result<std::unique_ptr<backend>> make_transformers(const std::filesystem::path& models,
                                                          backend_settings more = {}) {
  backend_types types;
  add_transformers_backend(types);
  more.insert({"models", models.string()});
  return types.make("transformers", more);
}

/// What a network may differ from the recorded vectors by (golden/README.md, 7).
struct tolerance {
  double largest = 5e-6; ///< of the largest value
  double angle = 1e-11;  ///< 1 - cosine
};

inline tolerance tolerance_of(const std::string& folder) {
  if (folder.starts_with("resnet")) return {1e-5, 1e-11};
  if (folder.starts_with("efficientnet")) return {2e-5, 1e-10};
  if (folder.starts_with("mobilenet")) return {3e-4, 1e-8};
  return {};
}

/// The worst of some rows.
struct distance {
  double largest = 0, angle = 0;

  void add(const float* got, const float* expected, std::size_t dim) {
    largest = std::max(largest, relative_difference(got, expected, dim));
    angle = std::max(angle, vef::test::angle(got, expected, dim));
  }
};

inline std::string text_of(const distance& x) {
  char out[96];
  std::snprintf(out, sizeof out, "max difference %.1e, cosine distance %.1e", x.largest, x.angle);
  return out;
}

} // namespace vef::test
