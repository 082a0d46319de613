#include "bench/peer_process.hpp"

#include <vef/backends/descriptor.hpp>

#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <utility>
#include <vector>

namespace vef::bench {

namespace fs = std::filesystem;

namespace {

/// A process that speaks in lines over its standard input and output. Both are one socket, since a write to
/// one whose other end is gone can be an error instead of a signal.
class line_process {
public:
  static result<line_process> start(std::vector<std::string> words) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return fail(errc::load_failed, std::string{"cannot make a socket: "} + std::strerror(errno));
    descriptor ours{ends[0]}, theirs{ends[1]};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.number(), 0);
    ::posix_spawn_file_actions_adddup2(&actions, theirs.number(), 1);
    pid_t child = 0;
    auto refused = ::posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (refused) return fail(errc::load_failed, "cannot start " + words[0] + ": " + std::strerror(refused));
    return line_process{child, std::move(ours)};
  }

  line_process(line_process&& other) noexcept
      : child_(std::exchange(other.child_, 0))
      , socket_(std::move(other.socket_))
      , heard_(std::move(other.heard_)) {}
  line_process& operator=(line_process&&) = delete;
  ~line_process() {
    if (child_ == 0) return;
    ::kill(child_, SIGKILL); // it has nothing to save
    ::waitpid(child_, nullptr, 0);
  }

  bool say(std::string line) {
    line += '\n';
    std::string_view rest{line};
    while (!rest.empty()) {
      auto sent = ::send(socket_.number(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// The next line; none when the process has ended.
  std::optional<std::string> hear() {
    for (;;) {
      if (auto end = heard_.find('\n'); end != std::string::npos) {
        auto line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        return line;
      }
      char some[4096];
      auto count = ::recv(socket_.number(), some, sizeof some, 0);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return std::nullopt;
      heard_.append(some, static_cast<std::size_t>(count));
    }
  }

private:
  line_process(pid_t child, descriptor socket)
      : child_(child)
      , socket_(std::move(socket)) {}

  pid_t child_;
  descriptor socket_;
  std::string heard_;
};

/// An answer that begins with this word, without it.
result<std::string> answer(line_process& peer, std::string_view word, errc code, const std::string& name) {
  auto line = peer.hear();
  if (!line) return fail(code, name + " ended without an answer: its standard error says why");
  if (line->starts_with("error ")) return fail(code, name + " failed: " + line->substr(6));
  if (!line->starts_with(word))
    return fail(code, name + " gave an answer that is none: " + vef::quoted(*line));
  return line->substr(word.size());
}

/// Python with one of our scripts, for a model that is there.
result<std::vector<std::string>> command(const std::string& script, const std::string& model) {
  auto python = peers_folder() / "venv/bin/python";
  auto folder = peers_folder() / "models" / model; // `model` itself if it is absolute
  for (const auto& needed : {python, folder / "config.json"})
    if (!fs::exists(needed))
      return fail(errc::missing_capability,
                  needed.string() + " is not there: make it with ./dev bench --peers");
  // -B: nothing is written into the sources.
  return std::vector<std::string>{python.string(), "-B", VEF_BENCH_DIR "/peers/" + script, "--model",
                                  folder.string()};
}

std::vector<std::string> arguments(const peer_options& how) {
  std::vector<std::string> out{"--engine",    how.engine,    "--threads", std::to_string(how.threads),
                               "--precision", how.precision, "--batch",   std::to_string(how.batch),
                               "--hint",      how.hint};
  if (!how.input.empty()) out.insert(out.end(), {"--input", how.input.string()});
  if (!how.output.empty()) out.insert(out.end(), {"--output", how.output.string()});
  return out;
}

} // namespace

fs::path peers_folder() {
  if (auto named = std::getenv("VEF_PEERS")) return fs::absolute(named);
  return fs::path{VEF_BENCH_DIR}.parent_path() / "build/peers";
}

struct peer_process::core {
  line_process process;
  std::string name;
  std::size_t batch;
  peer_facts facts;
  double checksum = 0;
};

peer_process::peer_process(std::unique_ptr<core> x)
    : core_(std::move(x)) {}
peer_process::peer_process(peer_process&&) noexcept = default;
peer_process& peer_process::operator=(peer_process&&) noexcept = default;
peer_process::~peer_process() = default;

const peer_facts& peer_process::facts() const { return core_->facts; }
double peer_process::checksum() const { return core_->checksum; }

result<peer_process> peer_process::start(const peer_options& how) {
  auto words = command("peer.py", how.model);
  if (!words) return fail(words.error());
  for (auto& word : arguments(how)) words->push_back(std::move(word));
  auto process = line_process::start(std::move(*words));
  if (!process) return fail(process.error());
  auto ready = answer(*process, "ready ", errc::load_failed, how.engine);
  if (!ready) return fail(ready.error());
  auto said = nlohmann::json::parse(*ready);
  peer_facts facts{said.at("version"), said.at("precision"), said.at("load_seconds"),
                   said.at("peak_rss_bytes")};
  return peer_process{
      std::make_unique<core>(core{std::move(*process), how.engine, how.batch, std::move(facts)})};
}

result<double> peer_process::images_per_second(std::size_t batches) {
  core_->process.say("run " + std::to_string(batches)); // if it is gone, it does not answer
  auto done = answer(core_->process, "done ", errc::embed_failed, core_->name);
  if (!done) return fail(done.error());
  char* end = nullptr;
  auto took = std::strtod(done->c_str(), &end);
  core_->checksum = std::strtod(end, nullptr);
  return static_cast<double>(batches * core_->batch) / took;
}

result<peer_load> measure_peer_load(const std::string& model, unsigned threads) {
  auto words = command("load_peer.py", model);
  if (!words) return fail(words.error());
  words->insert(words->end(), {"--threads", std::to_string(threads)});
  auto process = line_process::start(std::move(*words));
  if (!process) return fail(process.error());
  auto loaded = answer(*process, "loaded ", errc::load_failed, "transformers");
  if (!loaded) return fail(loaded.error());
  auto said = nlohmann::json::parse(*loaded);
  return peer_load{said.at("import_seconds"), said.at("load_seconds"),       said.at("first_vector_seconds"),
                   said.at("unload_seconds"), said.at("imported_rss_bytes"), said.at("peak_rss_bytes")};
}

} // namespace vef::bench
