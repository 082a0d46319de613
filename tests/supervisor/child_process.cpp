#include "child_fixture.hpp"
#include "support/catch.hpp"

#include <vef/supervisor/isolation/child_process.hpp>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>

using namespace vef;
using test::helper;
using test::process;
using test::reports;

namespace {

std::string end_of(std::vector<std::string> arguments) {
  reports none;
  return helper{none, std::move(arguments)}.end().text();
}

error refusal(child_command x) {
  auto child = child_process::start(std::move(x), [](const child_end&) { FAIL("it did not even start"); });
  return child ? error{} : child.error();
}

bool is_reaped(pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == -1 && errno == ECHILD; }

auto count_open_files() { return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {}); }

} // namespace

TEST_CASE("how a child ended is said in words") {
  CHECK(end_of({"exit", "0"}) == "ended with status 0");
  CHECK(end_of({"exit", "3"}) == "ended with status 3");
  CHECK(end_of({"abort"}) == "was killed by signal 6 (Aborted)");
  CHECK(end_of({"segv"}) == "was killed by signal 11 (Segmentation fault)");
  CHECK(child_end{SIGSEGV | WCOREFLAG}.text() == "was killed by signal 11 (Segmentation fault), core dumped");
  CHECK(child_end{SIGRTMIN + 1}.text() == "was killed by signal " + std::to_string(SIGRTMIN + 1));
  CHECK(child_end{child_end::unknown}.text() == "ended, and its status was taken by others");
}

TEST_CASE("only status 0 is a clean end") {
  CHECK(child_end{0}.clean());
  CHECK_FALSE(child_end{1 << 8}.clean());
  CHECK_FALSE(child_end{SIGTERM}.clean());
  CHECK_FALSE(child_end{child_end::unknown}.clean());
}

TEST_CASE("a child can be asked to end, and killed") {
  reports told;
  helper asked{told, {"wait"}};
  CHECK(told.next("child") == std::to_string(asked->pid()));
  CHECK_FALSE(asked.has_ended());
  asked->terminate();
  CHECK(asked.end().text() == "was killed by signal 15 (Terminated)");

  helper killed{told, {"wait"}};
  killed->kill();
  CHECK(killed.end().text() == "was killed by signal 9 (Killed)");
}

TEST_CASE("all of a child's group is asked to end") {
  reports told;
  helper child{told, {"survivor"}};
  told.next("fork");
  child->terminate();
  CHECK(told.next("signal") == std::to_string(SIGTERM));
  CHECK_FALSE(child.has_ended());
}

TEST_CASE("a child that has ended is reaped and signalled no more") {
  reports none;
  helper child{none, {"exit", "0"}};
  child.end();
  CHECK(is_reaped(child->pid()));
  CHECK(child->resident_bytes() == 0);
  child->terminate();
  child->kill();
}

TEST_CASE("a child says what it holds in memory") {
  reports told;
  helper child{told, {"wait"}};
  told.next("child");
  CHECK(child->resident_bytes() >= 100'000);
  CHECK(child->resident_bytes() < 4'000'000'000);
}

TEST_CASE("a child that is destroyed is killed and reaped, with what it started") {
  reports told;
  helper child{told, {"group"}};
  process fork{told.next("fork")};
  REQUIRE(fork.exists());
  auto pid = child->pid();
  child.destroy();
  CHECK(child.has_ended());
  CHECK(child.end().text() == "was killed by signal 9 (Killed)");
  CHECK(is_reaped(pid));
  CHECK(fork.ends());
}

TEST_CASE("a stopped child that is destroyed is killed and reaped") {
  reports told;
  helper child{told, {"stop"}};
  siginfo_t ignored{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child->pid()), &ignored, WSTOPPED | WNOWAIT) == 0);
  auto pid = child->pid();
  child.destroy();
  CHECK(child.has_ended());
  CHECK(is_reaped(pid));
}

TEST_CASE("what a child leaves in its group ends with it") {
  reports told;
  helper child{told, {"leave"}};
  process fork{told.next("fork")};
  CHECK(child.end().clean());
  CHECK((!fork.exists() || fork.ends()));
}

TEST_CASE("a command that can't be started is an error that names it") {
  test::scratch folder;
  auto missing = refusal({folder / "missing"});
  CHECK(missing.code == errc::file_not_found);
  CHECK(missing.what == "cannot start '" + folder / "missing" + "': No such file or directory");
  CHECK(refusal({folder.put("a.txt", "text")}).code == errc::file_unreadable);
  CHECK(refusal({folder.folder()}).code == errc::file_unreadable);
  CHECK(refusal({"child"}).what == "cannot start 'child': its path is not absolute");
  CHECK(refusal({"child"}).code == errc::invalid_argument);
  CHECK(refusal({VEF_CHILD_HELPER, {std::string{"a\0b", 3}}}).code == errc::invalid_argument);
  CHECK(refusal({VEF_CHILD_HELPER, {}, {{"a=b", "c"}}}).code == errc::invalid_argument);
  CHECK(refusal({VEF_CHILD_HELPER, {}, {{"", "c"}}}).code == errc::invalid_argument);
  CHECK(refusal({VEF_CHILD_HELPER, {}, {{"a", std::string{"\0", 1}}}}).code == errc::invalid_argument);
}

TEST_CASE("children that end while they are signalled and looked at each end once and leave nothing open") {
  auto before = count_open_files();
  std::vector<pid_t> pids;
  {
    reports none;
    std::vector<helper> children;
    for (int i = 0; i < 12; ++i)
      children.emplace_back(none, i % 2 == 0 ? std::vector<std::string>{"exit", "0"}
                                             : std::vector<std::string>{"stay"});
    std::vector<std::thread> threads;
    for (unsigned seed : {1u, 2u, 3u})
      threads.emplace_back([&children, seed] {
        std::mt19937 random{seed};
        for (int i = 0; i < 200; ++i) {
          auto& child = children[random() % children.size()];
          switch (random() % 3) {
          case 0: child->terminate(); break;
          case 1: child->resident_bytes(); break;
          case 2: random() % 8 == 0 ? child->kill() : child->terminate(); break;
          }
        }
      });
    for (auto& x : threads) x.join();
    for (auto& x : children) {
      pids.push_back(x->pid());
      x.destroy();
      CHECK(x.has_ended());
    }
  }
  for (auto pid : pids) CHECK(is_reaped(pid));
  CHECK(count_open_files() == before);
}

TEST_CASE("a start that fails leaves nothing open") {
  auto before = count_open_files();
  REQUIRE(refusal({"/missing"}).code == errc::file_not_found);
  CHECK(count_open_files() == before);
}

// -- what a child has of its parent -------------------------------------------------------------------------

TEST_CASE("a child inherits no files but its streams and the pipe to its parent") {
  descriptor inheritable{::open("/dev/null", O_RDONLY)};
  reports told;
  helper other{told, {"wait"}};
  told.next("child");
  helper child{told, {"files"}};
  CHECK(told.next("files") == "0 1 2 3");
}

TEST_CASE("children started at once inherit nothing of each other") {
  std::array<reports, 6> told;
  std::array<std::unique_ptr<helper>, 6> children;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < told.size(); ++i)
    threads.emplace_back(
        [&, i] { children[i] = std::make_unique<helper>(told[i], std::vector{std::string{"files"}}); });
  for (auto& x : threads) x.join();
  for (auto& x : told) CHECK(x.next("files") == "0 1 2 3");
}

TEST_CASE("a child reads nothing, and writes to its parent's errors") {
  // A parent whose input and output are files.
  test::scratch folder;
  descriptor input{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)};
  descriptor output{::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)};
  descriptor data{::open(folder.put("data").c_str(), O_RDWR | O_CLOEXEC)};
  reports told;
  ::dup2(data.number(), STDIN_FILENO);
  ::dup2(data.number(), STDOUT_FILENO);
  helper child{told, {"streams"}};
  ::dup2(input.number(), STDIN_FILENO);
  ::dup2(output.number(), STDOUT_FILENO);
  CHECK(told.next("streams") == "/dev/null, output with errors");
}

TEST_CASE("a parent without streams has children with streams and a pipe") {
  reports told;
  helper one{told, {"parent without streams", "streams"}};
  CHECK(told.next("streams") == "/dev/null, output with errors");
  helper other{told, {"parent without streams", "files"}};
  CHECK(told.next("files") == "0 1 2 3");
}

TEST_CASE("a child handles signals as if a shell had started it") {
  sigset_t some, before;
  ::sigemptyset(&some);
  ::sigaddset(&some, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &some, &before);
  auto pipes = std::signal(SIGPIPE, SIG_IGN);
  reports told;
  helper child{told, {"signals"}};
  std::signal(SIGPIPE, pipes);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(told.next("signals") == "SigBlk:none SigIgn:none ");
}

TEST_CASE("a child has its parent's environment, its own before that, and no trace of the pipe") {
  auto value = [](const std::string& name, std::map<std::string, std::string> own = {}) {
    reports told;
    helper child{told, {"variable", name}, own};
    return told.next("variable");
  };
  REQUIRE(std::getenv("PATH"));
  CHECK(value("PATH") == std::getenv("PATH"));
  CHECK(value("PATH", {{"PATH", "/own"}}) == "/own");
  CHECK(value("VEF_TEST", {{"VEF_TEST", "a=b c"}}) == "a=b c");
  CHECK(value(parent_pipe_variable) == "(none)");
  CHECK(value(parent_pid_variable, {{parent_pid_variable, "1"}}) == "(none)");
}

// -- a parent that ends -------------------------------------------------------------------------------------

TEST_CASE("a child ends when its parent is killed, even if it is stopped or only the pipe tells it") {
  auto mode = GENERATE(as<std::string>{}, "stop", "deaf");
  CAPTURE(mode);
  reports told;
  helper parent{told, {"parent", mode}};
  process child{told.next("child")};
  REQUIRE(child.exists());
  ::kill(parent->pid(), SIGKILL);
  CHECK(child.ends());
}

TEST_CASE("a child ends when its parent is killed, even if a fork of the parent lives on with its files") {
  reports told;
  helper parent{told, {"parent", "wait"}};
  process child{told.next("child")};
  process fork{told.next("fork")};
  REQUIRE(child.exists());
  ::kill(parent->pid(), SIGKILL);
  CHECK(child.ends());
  CHECK_FALSE(fork.has_ended());
  fork.kill();
}

TEST_CASE("a process that no child_process started can't be tied to a parent") {
  auto tied = end_with_parent();
  REQUIRE_FALSE(tied);
  CHECK(tied.error().code == errc::invalid_config);
  CHECK(tied.error().what.find("VEF_PARENT_PIPE") != std::string::npos);
}
