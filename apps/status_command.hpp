#pragma once

#include <vef/apps/command.hpp>
#include <vef/messages/status.hpp>

namespace vef {

struct status_options {
  bool as_json = false;
  bool watch = false;
  double interval = 2; ///< seconds between two looks
};

/// `vef status`: services and their health, backends, memory and the machine; once, or until a signal comes.
/// Ends with `nothing_done` if the node is not ready.
exit_code status_command(const status_options& options, const common_options& common, console& out);

/// The same for people. `where` is what it runs on.
std::string status_text(const node_status& x, const std::string& where);

} // namespace vef
