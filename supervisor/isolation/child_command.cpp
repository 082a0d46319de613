#include <vef/supervisor/isolation/child_command.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

namespace vef {

namespace {

constexpr int pipe_in_child = 3; // the first after the standard streams

error refusal(const child_command& x, errc code, const std::string& why) {
  return {code, "cannot start " + vef::quoted(x.program.string()) + ": " + why};
}

errc code_of(int why) {
  switch (why) {
  case ENOENT:
  case ENOTDIR: return errc::file_not_found;
  case EACCES:
  case EIO:
  case EISDIR:
  case ELIBBAD:
  case ELOOP:
  case ENOEXEC:
  case EPERM: return errc::file_unreadable;
  case E2BIG:
  case ENAMETOOLONG: return errc::invalid_argument;
  case ENOMEM: return errc::out_of_memory;
  default: return errc::unavailable;
  }
}

result<void> validate(const child_command& x) {
  auto bad = [&](const std::string& why) { return fail(refusal(x, errc::invalid_argument, why)); };
  // The system would take a text up to there.
  auto is_cut = [](const std::string& text) { return text.find('\0') != text.npos; };
  if (!x.program.is_absolute()) return bad("its path is not absolute");
  if (is_cut(x.program.native())) return bad("its path has a zero byte");
  for (const auto& text : x.arguments)
    if (is_cut(text)) return bad("its argument " + vef::quoted(text) + " has a zero byte");
  for (const auto& [name, value] : x.environment) {
    if (name.empty() || name.find('=') != name.npos || is_cut(name))
      return bad("no variable of its environment can be named " + vef::quoted(name));
    if (is_cut(value))
      return bad("the variable " + vef::quoted(name) + " of its environment has a zero byte");
  }
  return {};
}

std::vector<std::string> arguments_of(const child_command& x) {
  std::vector<std::string> out{x.program.string()};
  out.insert(out.end(), x.arguments.begin(), x.arguments.end());
  return out;
}

std::vector<std::string> environment_of(const child_command& x) {
  auto own = x.environment;
  own[parent_pipe_variable] = std::to_string(pipe_in_child);
  own[parent_pid_variable] = std::to_string(::getpid());
  std::vector<std::string> out;
  for (auto entry = environ; entry && *entry; ++entry) {
    std::string text = *entry;
    if (!own.contains(text.substr(0, text.find('=')))) out.push_back(std::move(text));
  }
  for (const auto& [name, value] : own) out.push_back(name + '=' + value);
  return out;
}

// The same file above the standard streams: a program that closed its own gives their numbers to the next
// files that it opens, and the child gets others in their place.
descriptor above_streams(int number) {
  descriptor low{number};
  return descriptor{low ? ::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1};
}

struct spawn_settings {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;

  spawn_settings() {
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&actions);
  }
  ~spawn_settings() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;

  void use_own_group_and_signals() {
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    constexpr auto flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
  }

  // 0 or the system's error.
  int use_files(const descriptor& nothing, const descriptor& pipe) {
    auto has_errors = ::fcntl(STDERR_FILENO, F_GETFD) >= 0;
    int failed = 0;
    auto put = [&](int file, int as) {
      if (failed == 0) failed = ::posix_spawn_file_actions_adddup2(&actions, file, as);
    };
    put(nothing.number(), STDIN_FILENO);
    if (!has_errors) put(nothing.number(), STDERR_FILENO);
    put(STDERR_FILENO, STDOUT_FILENO);
    put(pipe.number(), pipe_in_child);
    if (failed == 0) failed = ::posix_spawn_file_actions_addclosefrom_np(&actions, pipe_in_child + 1);
    return failed;
  }
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

} // namespace

int prepared_child::start(pid_t& pid) {
  spawn_settings settings;
  settings.use_own_group_and_signals();
  if (auto failed = settings.use_files(nothing, pipe); failed != 0) return failed;
  return ::posix_spawn(&pid, arguments[0].c_str(), &settings.actions, &settings.attributes,
                       pointers(arguments).data(), pointers(environment).data());
}

result<prepared_child> prepare(const child_command& x) {
  if (auto good = validate(x); !good) return fail(good.error());
  auto refused = [&](const char* what) {
    return fail(refusal(x, errc::unavailable, what + std::generic_category().message(errno)));
  };
  prepared_child out{arguments_of(x), environment_of(x), {}, {}, {}};
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return refused("no pipe to it: ");
  out.pipe = above_streams(ends[0]);
  out.life_line = above_streams(ends[1]);
  if (!out.pipe || !out.life_line) return refused("no pipe to it: ");
  out.nothing = above_streams(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!out.nothing) return refused("/dev/null: ");
  return out;
}

error cannot_start(const child_command& x, int why) {
  return refusal(x, code_of(why), std::generic_category().message(why));
}

} // namespace vef
