#pragma once

#include <vef/backends/document.hpp>
#include <vef/backends/transformers/plan.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vef {

/// Reads a model's config.json as the reference does: a key that is missing or null takes its default, keys
/// that are not asked for are ignored. The first thing that is wrong is kept, and what is read afterwards is
/// some valid value, so that a family states what its config is without a branch for each way to get it
/// wrong.
///
/// The document must outlive it.
class config_reader {
public:
  explicit config_reader(const document& config)
      : config_(&config) {}

  bool has(std::string_view key) const;

  /// A part of the config, such as `vision_config`; where it is missing, one in which everything is.
  config_reader part(std::string_view key) const;

  std::int64_t whole(std::string_view key, std::int64_t otherwise, std::int64_t least, std::int64_t most);
  double number(std::string_view key, double otherwise, double least, double most);
  bool flag(std::string_view key, bool otherwise);
  std::string word(std::string_view key, const std::string& otherwise);
  std::vector<std::int64_t> wholes(std::string_view key, const std::vector<std::int64_t>& otherwise,
                                   std::int64_t least, std::int64_t most);

  /// A number, or height and width.
  std::array<std::int64_t, 2> sides(std::string_view key, std::int64_t otherwise);

  plan::activation activation(std::string_view key, plan::activation otherwise);

  // What is common to most families, with bounds that no published model comes near.
  std::int64_t width(std::string_view key, std::int64_t otherwise) {
    return whole(key, otherwise, 1, 1 << 20);
  }
  std::int64_t layers(std::string_view key, std::int64_t otherwise) { return whole(key, otherwise, 1, 1000); }
  double epsilon(std::string_view key, double otherwise) { return number(key, otherwise, 0, 1); }

  void refuse(const std::string& what);
  void must_be(std::string_view key, const std::string& what);

  const error& problem() const { return *problem_; }
  const document& all() const { return *config_; }

private:
  const document* find(std::string_view key) const;

  const document* config_;
  std::string path_;
  std::shared_ptr<error> problem_ = std::make_shared<error>(); ///< shared by the parts of a config
};

} // namespace vef
