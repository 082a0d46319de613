#pragma once

#include <vef/supervisor/isolation/child_command.hpp>

#include <csignal>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <sys/types.h>

namespace vef {

/// How a child ended.
struct child_end {
  /// Of a child whose status somebody else in this process took: one that ignores SIGCHLD, or waits for all.
  static constexpr int unknown = -1;

  int status = 0; ///< as waitpid gives it

  /// For people, after the child's name: "ended with status 3", "was killed by signal 9 (Killed)", "was
  /// killed by signal 11 (Segmentation fault), core dumped".
  std::string text() const;

  /// Whether it ended by itself, with status 0.
  bool clean() const;
};

/// A process of ours that does not outlive us, provided that it calls `end_with_parent` first of all.
///
/// It leads a process group of its own and has no files of ours: it reads from /dev/null, and writes to our
/// standard error, for our standard output may be data. It handles signals as if a shell had started it; in
/// particular it does not ignore SIGPIPE unless it says so.
///
/// When it ends, by itself or not, what it started and left in its group is killed.
///
/// Every child has a thread of ours. It starts the child and stays until it ends, since the kernel takes the
/// end of the thread that started a process for the end of its parent. All members may be called in any
/// thread. The program around must not reap children that are not its own.
class child_process {
public:
  /// Starts it, and returns when it runs. `ended` is called once, in the child's thread, when the child is
  /// reaped: perhaps before this returns or while the child_process is destroyed, and never thereafter. It
  /// must not throw, nor destroy the child_process.
  ///
  /// Errors: invalid_argument for a command that can't be one; file_not_found; file_unreadable for a program
  /// that may not be run; out_of_memory; unavailable when the system has no more processes or files. `ended`
  /// is not called then.
  static result<std::unique_ptr<child_process>> start(child_command command,
                                                      std::function<void(const child_end&)> ended);

  /// Kills its group if it still runs, and returns when it is reaped.
  ~child_process();

  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  /// Its number, which another process may have once it has ended.
  pid_t pid() const { return pid_; }

  /// Asks its group to end: SIGTERM. Nothing happens if the child has ended.
  void terminate() { signal_group(SIGTERM); }

  /// Ends its group: SIGKILL. Nothing happens if the child has ended.
  void kill() { signal_group(SIGKILL); }

  /// What it holds in memory, in bytes; pages that it shares count as well. 0 if it has ended.
  std::uint64_t resident_bytes() const;

private:
  child_process(std::function<void(const child_end&)> ended, descriptor life_line);

  void live(prepared_child x, std::promise<int> started);
  child_end reap();
  void signal_group(int signal);

  std::function<void(const child_end&)> ended_;
  descriptor life_line_;     // the child ends when it is closed
  mutable std::mutex mutex_; // between reaping, which frees the number, and using the number
  bool exists_ = false;      // whether the number is still the child's
  pid_t pid_ = 0;
  std::thread thread_;
};

/// In a child, first of all: from now on this process ends when its parent does, however that ends. If it
/// already has, this does not return. What this process started ends with it while it leads its group, but
/// not for sure: a parent that is killed may take this process along before it can tell its group.
///
/// Starts a thread, which blocks all signals, and takes what it needs out of the environment, so that it does
/// not pass to the processes that this one starts.
///
/// Errors: invalid_config if no child_process started this process; unavailable if the system refuses.
result<void> end_with_parent();

} // namespace vef
