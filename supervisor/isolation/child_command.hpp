#pragma once

#include <vef/messages/errors.hpp>
#include <vef/backends/descriptor.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace vef {

struct child_command {
  std::filesystem::path program;                       ///< absolute
  std::vector<std::string> arguments = {};             ///< without the program's own name
  std::map<std::string, std::string> environment = {}; ///< beside this process's own, and before it
};

/// The variables that tell a child the pipe which its parent keeps open while it lives, and the parent's
/// number.
inline constexpr auto parent_pipe_variable = "VEF_PARENT_PIPE";
inline constexpr auto parent_pid_variable = "VEF_PARENT_PID";

/// A command in the form that the system takes, with the files that the child gets.
struct prepared_child {
  std::vector<std::string> arguments; ///< with the program's path in the first place
  std::vector<std::string> environment;
  descriptor nothing;   ///< /dev/null
  descriptor pipe;      ///< the end that the child reads
  descriptor life_line; ///< the other end, for the parent alone

  /// Starts it in a process group of its own and says its number. Forks without a copy of our memory, and
  /// runs no code of ours between fork and exec, where a lock of another thread would be locked for ever.
  /// Returns 0 or the system's error. To be called in the thread that lives as long as the child.
  int start(pid_t& pid);
};

/// Checks a command and opens what the child needs. Errors: invalid_argument for a command that can't be one;
/// unavailable when there are no more files.
result<prepared_child> prepare(const child_command& x);

/// That the system refused to start it, for this reason.
error cannot_start(const child_command& x, int why);

} // namespace vef
