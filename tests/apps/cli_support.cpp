#include "apps/cli_support.hpp"

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <csignal>
#include <sstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vef::test {

namespace {

using clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::seconds{60};

int milliseconds_to(clock::time_point end) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now()).count();
  return static_cast<int>(std::max<decltype(left)>(left, 0));
}

// In the child, where nothing may allocate any more.
void redirect(const char* path, int to) {
  auto file = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || ::dup2(file, to) < 0) ::_exit(126);
}

} // namespace

process::process(const scratch& at, const std::vector<std::string>& arguments, const call& how) {
  static int number = 0;
  auto name = std::to_string(number++);
  std::filesystem::create_directory(at / ".io");
  out_ = how.stdout_to.empty() ? at / (".io/out" + name) : how.stdout_to;
  err_ = at / (".io/err" + name);
  std::vector<std::string> words{VEF_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv, envp;
  for (auto& x : words) argv.push_back(x.data());
  argv.push_back(nullptr);
  std::vector<std::string> environment = how.environment;
  environment.push_back("XDG_STATE_HOME=" + at / ".state"); // the user's own stays as it is
  environment.push_back("HF_HUB_CACHE=" + at / ".hub");
  for (auto x = environ; *x; ++x)
    if (!std::string_view{*x}.starts_with("VEF_")) environment.emplace_back(*x);
  for (auto& x : environment) envp.push_back(x.data());
  envp.push_back(nullptr);
  auto folder = how.folder.empty() ? at.folder().string() : how.folder;

  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    for (auto x : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(x, SIG_DFL);
    redirect(out_.c_str(), 1);
    redirect(err_.c_str(), 2);
    if (::chdir(folder.c_str()) != 0) ::_exit(126);
    if (how.file_limit) {
      rlimit limit{*how.file_limit, *how.file_limit};
      ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ::execve(VEF_PROGRAM, argv.data(), envp.data());
    ::_exit(127);
  }
  handle_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  REQUIRE(handle_ >= 0);
}

process::~process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (handle_ >= 0) ::close(handle_);
}

void process::signal(int number) const { ::kill(pid_, number); }

int process::wait() {
  pollfd ended{handle_, POLLIN, 0};
  INFO("the program did not end; it said: " + err());
  REQUIRE(::poll(&ended, 1, milliseconds_to(clock::now() + patience)) == 1);
  int status = 0;
  REQUIRE(::waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool process::wait_until(const std::filesystem::path& folder, const std::function<bool()>& reached) const {
  auto end = clock::now() + patience;
  auto changes = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  ::inotify_add_watch(changes, folder.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
  auto yes = reached(), ended = false;
  while (!yes && !ended && clock::now() < end) {
    pollfd events[]{{changes, POLLIN, 0}, {handle_, POLLIN, 0}};
    ::poll(events, 2, milliseconds_to(end));
    char buffer[4096];
    while (::read(changes, buffer, sizeof buffer) > 0) {
    }
    ended = events[1].revents != 0;
    yes = reached();
  }
  ::close(changes);
  return yes;
}

finished vef(const scratch& at, const std::vector<std::string>& arguments, const call& how) {
  process x{at, arguments, how};
  auto code = x.wait();
  return {code, how.stdout_to.empty() ? x.out() : std::string{}, x.err()};
}

std::string put_picture(const scratch& at, const std::string& name, int number, int width, int height) {
  cv::RNG random{static_cast<std::uint64_t>(number) * 7919 + 1};
  cv::Mat blobs(6, 8, CV_8UC3), picture; // in braces they would be a list of numbers
  random.fill(blobs, cv::RNG::UNIFORM, 0, 256);
  cv::resize(blobs, picture, {width, height}, 0, 0, cv::INTER_CUBIC);
  auto path = at / name;
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path());
  std::vector<unsigned char> bytes;
  REQUIRE(cv::imencode(std::filesystem::path{name}.extension().string(), picture, bytes));
  return at.put(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::vector<nlohmann::json> json_lines(const std::string& text) {
  std::vector<nlohmann::json> out;
  for (const auto& line : split(text)) out.push_back(nlohmann::json::parse(line));
  return out;
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto i = text.find(what); i != text.npos; i = text.find(what, i + 1)) ++n;
  return n;
}

bool has_torch(const scratch& at) {
  auto status = nlohmann::json::parse(vef(at, {"status", "--json"}).out);
  for (const auto& x : status["backends"])
    if (x["name"] == "torch") return true;
  return false;
}

} // namespace vef::test
