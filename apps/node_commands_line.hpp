#pragma once

#include <vef/apps/common_options.hpp>

namespace vef {

/// The commands that are about nodes: `serve`, `nodes`, `load`, `unload`, `create`, `certs`.
void add_node_commands(CLI::App& app, command_line& line);

} // namespace vef
