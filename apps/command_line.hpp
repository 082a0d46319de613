#pragma once

#include <vef/apps/command.hpp>
#include <vef/apps/log_setup.hpp>

#include <functional>
#include <optional>

namespace vef {

/// What a command line asks for.
struct command_line {
  log_options log;
  common_options common;
  bool serves =
      false; ///< the command is a node: what the environment says of services and nodes is not for it
  std::function<exit_code(const common_options&, console&)> command;
};

/// Reads a command line, and of the environment VEF_MODELS, VEF_SERVICES, VEF_NODE and VEF_TLS. Help and the
/// version are printed here, as are complaints: then there is a code to end with and no command.
std::optional<exit_code> read_command_line(int argc, const char* const* argv, command_line& out,
                                           console& complaints);

} // namespace vef
