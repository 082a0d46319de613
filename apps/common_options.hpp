#pragma once

#include <vef/apps/command_line.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>

namespace vef {

// The options that every command takes.

/// Whole numbers; the help says what they mean rather than their range, the complaint says both.
inline CLI::Validator whole(std::uint64_t least, std::uint64_t most) {
  return CLI::Range(least, most).description("");
}

/// Models, machine and messages.
void add_common_options(CLI::App& app, command_line& line);

/// Nodes over the network.
void add_network_options(CLI::App& app, command_line& line);

/// How checkpoints are used, other than their authors would.
void add_checkpoint_options(CLI::App& app, command_line& line);

/// What the environment says where the command line says nothing, or beside it. Models and services that it
/// names are those of this machine, and left out if a node is asked.
void add_environment(command_line& line);

} // namespace vef
