#pragma once

#include <vef/apps/command.hpp>

namespace vef {

/// What a command line says of a node; what is empty is as its file says, or as is usual.
struct serve_options {
  std::string file; ///< nodes/node_file.hpp; empty: none
  std::string listen;
  std::string name;
  std::string advertise;
  std::vector<std::string> join;
  std::vector<std::string> labels;
  std::vector<std::string> shared; ///< folders
  bool read_only = false;
};

/// `vef serve`: is a node until a signal comes. Writes one line to standard output when it is ready:
/// "vef: node 'NAME' listens at HOST:PORT". Ends with `ok` after a signal, `bad_arguments` for what it was
/// told, `nothing_done` if it can't start.
exit_code serve_command(const serve_options& options, const common_options& common, console& out);

} // namespace vef
