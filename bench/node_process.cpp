#include "bench/node_process.hpp"

#include <vef/nodes/remote.hpp>
#include <vef/supervisor/runtime_host.hpp>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <utility>

#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vef::bench {

namespace {

// Just so many, in this order: number, certificates, nodes to join, two costs, journal.
std::vector<std::string> words_of(const node_plan& x) {
  std::string join;
  for (const auto& one : x.join) join += (join.empty() ? "" : ",") + one;
  return {"vef_bench",
          node_argument,
          std::to_string(x.number),
          x.tls.string(),
          join,
          std::to_string(x.cost.computes.count()),
          std::to_string(x.cost.waits.count()),
          x.journal.string()};
}

node_plan plan_of(char** words) {
  node_plan out{.number = static_cast<unsigned>(std::stoul(words[0])), .tls = words[1]};
  std::istringstream join{words[2]};
  for (std::string one; std::getline(join, one, ',');) out.join.push_back(one);
  out.cost.computes = std::chrono::microseconds{std::stol(words[3])};
  out.cost.waits = std::chrono::microseconds{std::stol(words[4])};
  out.journal = words[5];
  return out;
}

runtime_options instance_of(const node_plan& x) {
  runtime_options out;
  out.backends = std::make_shared<backend_types>();
  or_throw(out.backends->add("bench", {}, [x](const backend_settings&) {
    return result<std::unique_ptr<backend>>{
        std::make_unique<pretending_backend>(x.cost, x.number, x.journal)};
  }));
  out.services = {{.name = "bench", .backend = "bench"}};
  if (x.cost.computes + x.cost.waits > std::chrono::microseconds{}) out.work.lanes = 1; // it has one device
  out.monitor.interval = {};
  return out;
}

node_options options_of(const node_plan& x) {
  node_options out;
  out.name = std::to_string(x.number);
  out.listen = {"127.0.0.1", 0};
  for (const auto& one : x.join) out.join.push_back(or_throw(parse_address(one)));
  out.tls = x.tls;
  out.insecure = x.tls.empty();
  // How fast a peer may ask is not what is measured.
  out.peers.requests_per_second = 1e9;
  out.peers.burst = 1'000'000'000;
  return out;
}

std::string first_line(int from) {
  std::string out;
  for (char c = 0; ::read(from, &c, 1) == 1 && c != '\n';) out += c;
  return out;
}

} // namespace

node_process::node_process(const node_plan& plan) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw failure{{errc::internal, std::string{"cannot make a pipe: "} + std::strerror(errno)}};
  descriptor ours{ends[0]}, theirs{ends[1]};
  auto words = words_of(plan);
  std::vector<char*> arguments;
  for (auto& x : words) arguments.push_back(x.data());
  arguments.push_back(nullptr);
  id_ = ::fork();
  if (id_ < 0) throw failure{{errc::internal, std::string{"cannot start a node: "} + std::strerror(errno)}};
  if (id_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(theirs.number(), STDOUT_FILENO);
    ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); // our connections are none of its business
    ::execv("/proc/self/exe", arguments.data());
    ::_exit(127);
  }
  answers_ = std::move(ours);
}

void node_process::wait() {
  auto line = first_line(answers_.number());
  if (!line.starts_with("ready ")) {
    kill();
    throw failure{{errc::load_failed, "a node does not start: " + line}};
  }
  address_ = line.substr(6);
}

node_process::node_process(node_process&& other) noexcept
    : id_(std::exchange(other.id_, 0))
    , answers_(std::move(other.answers_))
    , address_(std::move(other.address_)) {}

node_process::~node_process() { kill(); }

void node_process::kill() {
  if (id_ <= 0) return;
  ::kill(id_, SIGKILL);
  ::waitpid(id_, nullptr, 0);
  id_ = 0;
}

void node_process::freeze() const { ::kill(id_, SIGSTOP); }

int be_node(int argc, char** argv) {
  if (argc != 8) return 2;
  auto plan = plan_of(argv + 2);
  auto there = serve(instance_of(plan), options_of(plan));
  if (!there) {
    std::printf("%s\n", describe(there.error()).c_str());
    return 1;
  }
  std::printf("ready %s\n", there->node.facts.address.c_str());
  std::fflush(stdout);
  for (;;) ::pause(); // until it is killed
}

} // namespace vef::bench
