#pragma once

#include <vef/apps/command.hpp>
#include <vef/supervisor/runtime.hpp>

namespace vef {

// What this program runs when it does the work itself, or serves.

/// The names of the services that it makes, which are those of their backends.
inline constexpr auto built_in_service = "descriptors";
inline constexpr auto files_service = "torch";
inline constexpr auto checkpoints_service = "transformers";

/// Memory and threads as a command line wants them, and where is kept what was learned; no services. Errors:
/// invalid_argument.
result<runtime_options> own_runtime_options(const common_options& options);

/// Files and folders of models as absolute paths. Errors: invalid_argument for one that has a colon,
/// file_not_found.
result<std::vector<std::string>> checked_sources(const std::vector<std::string>& sources);

/// Where models come from.
struct model_sources {
  std::vector<std::string> paths = {};              ///< files and folders, absolute
  std::map<std::string, std::string> settings = {}; ///< for checkpoints
  bool hub_cache = false;                           ///< what is in the Hub's cache as well, if there is one
};

/// Services for these: `torch` for files and for folders of them, `transformers` for checkpoints. Errors:
/// unknown_backend if there are paths, and no torch backend.
result<std::vector<service_spec>> services_for(const model_sources& from, const backend_types& types);

/// The same after `descriptors`.
result<std::vector<service_spec>> usual_services(const model_sources& from, const backend_types& types);

/// Whether it is a checkpoint's folder: config.json is in it.
bool is_checkpoint(const std::string& folder);

} // namespace vef
