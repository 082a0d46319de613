#pragma once

#include <vef/apps/command.hpp>
#include <vef/backends/hub/environment.hpp>

#include <string>

namespace vef {

struct pull_request {
  std::string model;     ///< ORG/NAME or ORG/NAME@REVISION
  unsigned parallel = 4; ///< files at once
  bool as_json = false;  ///< what was pulled, on standard output
};

/// `vef pull`: brings a model from the Hub, or the mirror HF_ENDPOINT, into the cache that Python's tools use
/// as well. Everything else comes from `variables`.
exit_code pull_command(const pull_request& request, const common_options& common, console& out,
                       const environment& variables = process_environment());

} // namespace vef
