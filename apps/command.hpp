#pragma once

#include <vef/apps/console.hpp>
#include <vef/messages/errors.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vef {

/// What the program ends with.
enum class exit_code : int {
  ok = 0,
  nothing_done = 1, ///< no picture could be embedded, or the work had to be given up
  bad_arguments = 2,
  some_failed = 3,   ///< among the pictures
  interrupted = 130, ///< by a signal
  broken_pipe = 141, ///< whoever read standard output is gone
};

/// What every command takes.
struct common_options {
  std::vector<std::string> models = {};                ///< files and folders of models
  std::map<std::string, std::string> checkpoints = {}; ///< settings for those of transformers
  std::string services = {}; ///< a file that describes services; empty: those of this program
  std::string budget = {};
  unsigned threads = 0; ///< 0: all
  unsigned jobs = 0;    ///< pictures decoded at once; 0: as many as threads
  bool quiet = false;

  std::vector<std::string> nodes = {}; ///< HOST:PORT of those that do the work; empty: this program does it
  std::string tls = {};                ///< a folder of certificates; empty: those of this user and machine
  bool insecure = false;               ///< neither certificates nor secrecy
};

/// Tells a person about an error, on one line.
void complain(console& to, const error& problem);

/// The same for an error that keeps a command from its work. Gives what to end with: `nothing_done` where the
/// machine or a node is to blame, else `bad_arguments`.
exit_code refuse(console& to, const error& problem);

/// Writes to standard output.
exit_code print(console& complaints, std::string_view text);

/// Threads for work of our own.
unsigned thread_count(const common_options& options);

} // namespace vef
