#pragma once

#include <vef/apps/command.hpp>
#include <vef/messages/cluster.hpp>

namespace vef {

/// `vef nodes`: all nodes that the one that is asked knows, what they do and what room they have.
exit_code nodes_command(const common_options& common, bool as_json, console& out);

/// The same for people.
std::string nodes_text(const cluster_status& x);

} // namespace vef
