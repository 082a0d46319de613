#pragma once

#include "support/scratch.hpp"

#include <vef/backends/descriptor.hpp>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vef::test {

inline constexpr auto patience = std::chrono::seconds{30};

/// Looks again and again until it is so, but not for ever. Whether it became so.
template <class F> bool comes(F&& check, std::chrono::milliseconds within = patience) {
  for (auto end = std::chrono::steady_clock::now() + within; std::chrono::steady_clock::now() < end;) {
    if (check()) return true;
    ::poll(nullptr, 0, 20); // the machine is needed for what we wait for
  }
  return false;
}

/// A program that runs beside the test, and is killed at its end. To be started and ended in one thread, with
/// which the program dies (arguments.hpp).
class program {
public:
  /// What it writes to its standard error goes into a file; `network` is the namespace that it lives in, if
  /// it is not the test's.
  program(std::vector<std::string> command, std::string log, int network = -1)
      : log_(std::move(log)) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    answers_ = descriptor{ends[0]};
    descriptor theirs{ends[1]};
    descriptor errors{::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
    std::vector<char*> words;
    for (auto& x : command) words.push_back(x.data());
    words.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("no process");
    if (pid_ > 0) {
      file_ = descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
      return;
    }
    ::dup2(theirs.number(), STDOUT_FILENO);
    ::dup2(errors.number(), STDERR_FILENO);
    ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); // not the sockets of clients
    if (network < 0 || ::setns(network, CLONE_NEWNET) == 0) ::execvp(words[0], words.data());
    ::_exit(127);
  }

  ~program() {
    if (!file_) return;
    signal(SIGKILL);
    (void)status();
  }
  program(program&&) = default;
  program& operator=(program&&) = default;

  /// The next line that it says; empty if it says nothing more.
  std::string line() {
    for (std::string out;;) {
      pollfd wanted{answers_.number(), POLLIN, 0};
      char c = 0;
      if (::poll(&wanted, 1, std::chrono::milliseconds{patience}.count()) != 1)
        throw std::runtime_error("the program says nothing; its log: " + log());
      if (::read(answers_.number(), &c, 1) != 1 || c == '\n') return out;
      out += c;
    }
  }

  void signal(int number) const { ::syscall(SYS_pidfd_send_signal, file_.number(), number, nullptr, 0); }
  void freeze() const { signal(SIGSTOP); }
  void thaw() const { signal(SIGCONT); }

  /// At once, and for sure.
  void kill() {
    signal(SIGKILL);
    (void)status();
  }

  bool lives() const {
    pollfd wanted{file_.number(), POLLIN, 0};
    return file_ && ::poll(&wanted, 1, 0) == 0;
  }

  /// Waits for its end, and says how it ended: as waitpid does.
  int status() {
    pollfd wanted{file_.number(), POLLIN, 0};
    if (::poll(&wanted, 1, std::chrono::milliseconds{patience}.count()) != 1)
      throw std::runtime_error("the program does not end; its log: " + log());
    int out = 0;
    ::waitpid(pid_, &out, 0);
    file_.close();
    return out;
  }

  std::uint64_t resident_bytes() const {
    std::ifstream in{"/proc/" + std::to_string(pid_) + "/statm"};
    std::uint64_t all = 0, resident = 0;
    in >> all >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }

  std::string log() const { return content_of(log_); }

private:
  std::string log_;
  descriptor answers_;
  descriptor file_;
  pid_t pid_ = 0;
};

} // namespace vef::test
