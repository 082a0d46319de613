#pragma once

#include <vef/messages/errors.hpp>
#include <vef/messages/version.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace vef {

/// How the vectors of a file were made: the content of OUT.meta.json. Vectors of different runs can be
/// compared where model, variant and dim agree.
struct run_facts {
  std::string vef{version};
  std::string service = {};
  std::string model = {};
  std::string variant = "default";
  std::uint32_t dim = 0;
  std::vector<std::string> models =
      {}; ///< the files and folders that the model came from; none for a built-in one
  std::map<std::string, std::string> settings = {}; ///< with which it was used other than usual

  bool operator==(const run_facts&) const = default;

  static constexpr std::string_view type_name = "vef::run_facts";
  static constexpr auto fields() {
    return std::tuple{field{"vef", &run_facts::vef},          field{"service", &run_facts::service},
                      field{"model", &run_facts::model},      field{"variant", &run_facts::variant},
                      field{"dim", &run_facts::dim},          field{"models", &run_facts::models},
                      field{"settings", &run_facts::settings}};
  }
};

/// Errors: file_not_found, file_unreadable, invalid_config.
result<run_facts> read_run_facts(const std::filesystem::path& file);

std::string to_text(const run_facts& x);

/// Whether vectors made as `now` says may follow those made as `before` says. Errors: invalid_argument, which
/// names the difference.
result<void> check_same_run(const run_facts& before, const run_facts& now, const std::filesystem::path& file);

/// The files that belong to one output: OUT.npy, OUT.jsonl beside it and OUT.meta.json, and the names that
/// they have until they are complete.
struct output_paths {
  std::filesystem::path vectors;
  std::filesystem::path lines;
  std::filesystem::path facts;

  /// Errors: invalid_argument for a name that does not end in .npy.
  static result<output_paths> of(const std::filesystem::path& out);
  static std::filesystem::path partial(const std::filesystem::path& file) {
    return file.string() + ".partial";
  }
};

} // namespace vef
