#pragma once

#include <vef/apps/command.hpp>

namespace vef {

struct create_options {
  std::string file; ///< that describes services; empty: one as the others say
  std::string name;
  std::string backend;
  std::vector<std::string> settings; ///< KEY=VALUE
  std::string node;
  bool as_json = false;
};

/// `vef create`: makes services at a node, in the order of their needs, and stops at the first that can't be
/// made.
exit_code create_command(const create_options& options, const common_options& common, console& out);

} // namespace vef
