// The child in the tests of child_process: child_helper REPORTS MODE [ARGUMENT]
//
// Ties itself to its parent, then does what MODE says. What it has to tell, it writes as lines into REPORTS,
// a FIFO, each after a word that says what it is.
#include <vef/supervisor/isolation/child_process.hpp>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace vef;

namespace {

constexpr unsigned longest = 100; // seconds; if a test fails, nothing stays behind for longer

std::string reports;

void report(const std::string& word, const std::string& value) {
  auto line = word + ' ' + value + '\n';
  descriptor file{::open(reports.c_str(), O_WRONLY | O_CLOEXEC)};
  if (::write(file.number(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(99);
}

[[noreturn]] void stay() {
  ::alarm(longest);
  for (;;) ::pause();
}

[[noreturn]] void die_by(int signal) {
  ::prctl(PR_SET_DUMPABLE, 0); // no core file
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::abort();
}

// A process that does not know of any parent.
pid_t fork_one() {
  auto pid = ::fork();
  if (pid == 0) stay();
  return pid;
}

std::string open_files() {
  std::vector<int> numbers;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"})
    numbers.push_back(std::stoi(entry.path().filename().string()));
  // The iterator's own is closed by now.
  std::erase_if(numbers, [](int x) { return ::fcntl(x, F_GETFD) < 0; });
  std::ranges::sort(numbers);
  std::string out;
  for (auto x : numbers) out += (out.empty() ? "" : " ") + std::to_string(x);
  return out;
}

std::string streams() {
  auto leads_to = [](const char* file) { return std::filesystem::read_symlink(file).string(); };
  struct stat output {};
  struct stat errors {};
  ::fstat(STDOUT_FILENO, &output);
  ::fstat(STDERR_FILENO, &errors);
  auto is_same = output.st_dev == errors.st_dev && output.st_ino == errors.st_ino;
  return leads_to("/proc/self/fd/0") + (is_same ? ", output with errors" : ", output apart");
}

std::string signals() {
  constexpr auto c_library = std::uint64_t{3} << 31; // 32 and 33 are its own, and it ignores them in between
  std::ifstream in{"/proc/self/status"};
  std::string out;
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("SigBlk:") || line.starts_with("SigIgn:"))
      out += line.substr(0, 7)
             + ((std::stoull(line.substr(7), nullptr, 16) & ~c_library) == 0 ? "none " : "some ");
  return out;
}

// Survives a request to end, and tells by which signal its fork did not.
[[noreturn]] void be_survivor() {
  auto pid = fork_one();
  std::signal(SIGTERM, SIG_IGN);
  report("fork", std::to_string(pid));
  int status = 0;
  ::waitpid(pid, &status, 0);
  report("signal", std::to_string(WTERMSIG(status)));
  stay();
}

// A parent itself, of a helper that does `mode`.
[[noreturn]] void be_parent(const std::string& mode) {
  auto self = std::filesystem::read_symlink("/proc/self/exe");
  auto child = child_process::start({self, {reports, mode}}, {});
  if (!child) ::_exit(98);
  if (mode == "stop") {
    siginfo_t ignored{};
    ::waitid(P_PID, static_cast<id_t>((*child)->pid()), &ignored, WSTOPPED | WNOWAIT);
    report("child", std::to_string((*child)->pid()));
  }
  if (mode == "wait") {
    // Whatever this process holds, among it its end of the pipe, another one will hold after its end.
    auto pid = fork_one();
    ::setpgid(pid, pid);
    report("fork", std::to_string(pid));
  }
  stay();
}

int act(const std::string& mode, const std::string& argument) {
  if (mode == "exit") return std::stoi(argument);
  if (mode == "abort") die_by(SIGABRT);
  if (mode == "segv") die_by(SIGSEGV);
  if (mode == "survivor") be_survivor();
  if (mode == "parent") be_parent(argument);
  if (mode == "parent without streams") {
    for (auto file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(file);
    be_parent(argument);
  }
  if (mode == "stop") std::raise(SIGSTOP);
  if (mode == "deaf") ::prctl(PR_SET_PDEATHSIG, 0); // hears of its parent through the pipe alone
  if (mode == "wait" || mode == "deaf") report("child", std::to_string(::getpid()));
  if (mode == "group" || mode == "leave") report("fork", std::to_string(fork_one()));
  if (mode == "leave") return 0;
  if (mode == "files") report("files", open_files());
  if (mode == "streams") report("streams", streams());
  if (mode == "signals") report("signals", signals());
  if (mode == "variable") {
    auto value = std::getenv(argument.c_str());
    report("variable", value ? value : "(none)");
  }
  stay();
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 97;
  reports = argv[1];
  if (auto tied = end_with_parent(); !tied) {
    std::cerr << describe(tied.error()) << '\n';
    return 96;
  }
  return act(argv[2], argc > 3 ? argv[3] : "");
}
