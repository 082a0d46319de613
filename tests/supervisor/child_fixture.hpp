#pragma once

#include "support/scratch.hpp"

#include <vef/supervisor/isolation/child_process.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vef::test {

inline constexpr auto deadline = std::chrono::seconds{30};

/// Whether there is something to read, or an end, before the deadline.
inline bool readable(const descriptor& file, std::chrono::milliseconds within = deadline) {
  pollfd wanted{file.number(), POLLIN, 0};
  return ::poll(&wanted, 1, static_cast<int>(within.count())) == 1;
}

/// What helpers tell.
class reports {
public:
  reports() {
    ::mkfifo(path().c_str(), 0600);
    file_ = descriptor{::open(path().c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK)};
  }

  std::string path() const { return folder_ / "reports"; }

  /// The value of the first report of this kind; others wait.
  std::string next(const std::string& word) {
    for (;;) {
      for (auto line = lines_.begin(); line != lines_.end(); ++line)
        if (line->starts_with(word + ' ')) {
          auto value = line->substr(word.size() + 1);
          lines_.erase(line);
          return value;
        }
      if (!readable(file_)) throw std::runtime_error("no report of " + word);
      read();
    }
  }

private:
  // Helpers write a line at once, so that no line is read in part.
  void read() {
    std::array<char, 4096> bytes{};
    auto n = ::read(file_.number(), bytes.data(), bytes.size());
    std::istringstream in{std::string(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)))};
    for (std::string line; std::getline(in, line);) lines_.push_back(line);
  }

  scratch folder_;
  descriptor file_;
  std::vector<std::string> lines_;
};

/// Somebody else's process, in which the tests have an interest.
class process {
public:
  explicit process(const std::string& pid)
      : file_(static_cast<int>(::syscall(SYS_pidfd_open, std::stoi(pid), 0))) {}

  bool exists() const { return static_cast<bool>(file_); }
  bool ends() const { return readable(file_); }
  bool has_ended() const { return readable(file_, std::chrono::seconds{0}); }
  void kill() const { ::syscall(SYS_pidfd_send_signal, file_.number(), SIGKILL, nullptr, 0); }

private:
  descriptor file_;
};

/// A helper, and how it ended.
class helper {
public:
  helper(const reports& to, std::vector<std::string> arguments,
         std::map<std::string, std::string> environment = {}) {
    arguments.insert(arguments.begin(), to.path());
    auto started = child_process::start({VEF_CHILD_HELPER, arguments, environment},
                                        [told = told_](const child_end& x) { told->set_value(x); });
    if (!started) throw std::runtime_error(describe(started.error()));
    child_ = std::move(*started);
  }

  child_process& operator*() { return *child_; }
  child_process* operator->() { return child_.get(); }
  void destroy() { child_.reset(); }

  bool has_ended() const { return end_.wait_for(std::chrono::seconds{0}) == std::future_status::ready; }

  child_end end() {
    if (end_.wait_for(deadline) != std::future_status::ready) throw std::runtime_error("it does not end");
    return end_.get();
  }

private:
  std::shared_ptr<std::promise<child_end>> told_ = std::make_shared<std::promise<child_end>>();
  std::shared_future<child_end> end_ = told_->get_future().share();
  std::unique_ptr<child_process> child_;
};

} // namespace vef::test
