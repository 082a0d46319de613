#pragma once

#include <vef/apps/command.hpp>

namespace vef {

struct load_options {
  std::string model;
  std::string service; ///< empty: whichever offers the model
  std::string node;    ///< empty: where it is best placed
  bool as_json = false;
};

struct unload_options {
  std::string model;   ///< empty: all
  std::string service; ///< empty: of every one
  std::string node;    ///< empty: at all of them
  bool if_idle = false;
  bool as_json = false;
};

/// `vef load`: brings a model into a node's memory before somebody waits for it.
exit_code load_command(const load_options& options, const common_options& common, console& out);

/// `vef unload`: takes models out of the memory of nodes. Ends with `some_failed` if some stayed, and with
/// `nothing_done` if all did.
exit_code unload_command(const unload_options& options, const common_options& common, console& out);

} // namespace vef
