#include <vef/supervisor/isolation/child_process.hpp>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vef {

namespace {

// A thread that takes no signal away from those of the program that wait for it.
template <class F> std::thread quiet_thread(F f) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  struct restore {
    const sigset_t& mask;
    ~restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } at_end{before};
  return std::thread{std::move(f)};
}

} // namespace

// -- the parent's side --------------------------------------------------------------------------------------

child_process::child_process(std::function<void(const child_end&)> ended, descriptor life_line)
    : ended_(std::move(ended))
    , life_line_(std::move(life_line)) {}

child_process::~child_process() {
  kill();
  if (thread_.joinable()) thread_.join();
}

result<std::unique_ptr<child_process>> child_process::start(child_command command,
                                                            std::function<void(const child_end&)> ended) {
  auto prepared = prepare(command);
  if (!prepared) return fail(prepared.error());
  std::unique_ptr<child_process> child{new child_process{std::move(ended), std::move(prepared->life_line)}};
  std::promise<int> started;
  auto outcome = started.get_future();
  try {
    child->thread_ =
        quiet_thread([self = child.get(), x = std::move(*prepared), told = std::move(started)]() mutable {
          self->live(std::move(x), std::move(told));
        });
  } catch (const std::system_error& why) {
    return fail(cannot_start(command, why.code().value()));
  }
  if (auto failed = outcome.get(); failed != 0) return fail(cannot_start(command, failed));
  return child;
}

void child_process::live(prepared_child x, std::promise<int> started) {
  pid_t pid = 0;
  auto failed = x.start(pid);
  x = {}; // the child has its own
  {
    std::lock_guard lock{mutex_};
    pid_ = pid;
    exists_ = failed == 0;
  }
  started.set_value(failed);
  if (failed != 0) return;
  auto end = reap();
  if (ended_) ended_(end);
}

child_end child_process::reap() {
  // Waits without reaping, so that the number stays the child's until the lock is taken.
  siginfo_t ignored{};
  int failed = 0;
  do failed = ::waitid(P_PID, static_cast<id_t>(pid_), &ignored, WEXITED | WNOWAIT);
  while (failed != 0 && errno == EINTR);
  std::lock_guard lock{mutex_};
  exists_ = false;
  if (failed != 0) return {child_end::unknown};
  ::kill(-pid_, SIGKILL); // what it left behind
  int status = 0;
  return {::waitpid(pid_, &status, 0) == pid_ ? status : child_end::unknown};
}

void child_process::signal_group(int signal) {
  std::lock_guard lock{mutex_};
  if (exists_) ::kill(-pid_, signal);
}

std::uint64_t child_process::resident_bytes() const {
  std::lock_guard lock{mutex_};
  if (!exists_) return 0;
  std::ifstream in{"/proc/" + std::to_string(pid_) + "/statm"};
  std::uint64_t size = 0, resident = 0;
  in >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string child_end::text() const {
  if (WIFEXITED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return "ended, and its status was taken by others";
  auto text = "was killed by signal " + std::to_string(WTERMSIG(status));
  if (auto name = ::sigdescr_np(WTERMSIG(status))) text += std::string{" ("} + name + ')';
  if (WCOREDUMP(status)) text += ", core dumped";
  return text;
}

bool child_end::clean() const { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

// -- the child's side ---------------------------------------------------------------------------------------

namespace {

std::optional<int> number_in(const char* variable) {
  auto text = std::getenv(variable);
  if (!text) return {};
  auto end = text + std::strlen(text);
  int number = 0;
  auto read = std::from_chars(text, end, number);
  return read.ec == std::errc{} && read.ptr == end && number > 0 ? std::optional{number} : std::nullopt;
}

[[noreturn]] void end_now() {
  ::kill(-::getpid(), SIGKILL); // there is no such group unless this process leads it
  ::_exit(128 + SIGKILL);
}

// Nobody writes into the pipe: a read returns when its other end is closed.
void wait_for_end(int pipe) {
  char byte = 0;
  for (;;) {
    auto n = ::read(pipe, &byte, 1);
    if (n == 0 || (n < 0 && errno != EINTR)) return;
  }
}

} // namespace

result<void> end_with_parent() {
  auto cannot = [](errc code, const std::string& why) {
    return fail(code, "cannot tie this process to its parent: " + why);
  };
  auto pipe = number_in(parent_pipe_variable);
  auto parent = number_in(parent_pid_variable);
  struct stat facts {};
  if (!pipe || !parent)
    return cannot(errc::invalid_config, std::string{parent_pipe_variable} + " or " + parent_pid_variable
                                            + " is missing; it is started by a vef process, not by hand");
  if (::fstat(*pipe, &facts) != 0 || !S_ISFIFO(facts.st_mode))
    return cannot(errc::invalid_config, std::string{parent_pipe_variable} + " names file "
                                            + std::to_string(*pipe) + ", which is no pipe");
  ::unsetenv(parent_pipe_variable);
  ::unsetenv(parent_pid_variable);
  ::fcntl(*pipe, F_SETFD, FD_CLOEXEC);

  // The pipe tells the whole group; the signal reaches a process that is stopped, or whose parent's end of
  // the pipe was inherited by another one.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    return cannot(errc::unavailable, std::generic_category().message(errno));
  if (::getppid() != *parent) end_now(); // it ended before the kernel was asked
  try {
    quiet_thread([pipe = *pipe] {
      wait_for_end(pipe);
      end_now();
    }).detach();
  } catch (const std::system_error& why) {
    return cannot(errc::unavailable, why.code().message());
  }
  return {};
}

} // namespace vef
