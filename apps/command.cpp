#include <vef/apps/command.hpp>

#include <vef/apps/written_file.hpp>

#include <algorithm>
#include <cerrno>
#include <thread>

#include <unistd.h>

namespace vef {

void complain(console& to, const error& problem) { to.say("vef: " + describe(problem)); }

exit_code refuse(console& to, const error& problem) {
  complain(to, problem);
  switch (problem.code) {
  case errc::out_of_memory:
  case errc::over_budget:
  case errc::overloaded:
  case errc::deadline_exceeded:
  case errc::shutting_down:
  case errc::unavailable:
  case errc::disk_full:
  case errc::unreachable:
  case errc::incompatible_version:
  case errc::not_trusted:
  case errc::not_allowed:
  case errc::address_taken: return exit_code::nothing_done;
  default: return exit_code::bad_arguments;
  }
}

exit_code print(console& complaints, std::string_view text) {
  auto reason = write_all(STDOUT_FILENO, text);
  if (reason == 0) return exit_code::ok;
  if (reason == EPIPE) return exit_code::broken_pipe;
  complain(complaints, cannot_write("standard output", reason));
  return exit_code::nothing_done;
}

unsigned thread_count(const common_options& options) {
  return options.threads > 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
}

} // namespace vef
