#pragma once

#include "network/program.hpp"

#include <thread>

namespace vef::test {

/// A network of this machine's own, with cables that can be cut: each node lives at an end of its own, and
/// the test at their hub, for as long as this object lives. To be made and ended in one thread; what is
/// started in between lives there as well.
///
/// Throws where it can't be had: it needs root, `ip`, and a kernel that has bridges.
class split_network {
public:
  explicit split_network(int nodes)
      : outside_(current())
      , hub_(new_network()) {
    ip(hub_, {"link", "set", "lo", "up"});
    ip(hub_, {"link", "add", "hub", "type", "bridge"});
    ip(hub_, {"addr", "add", "10.91.0.1/24", "dev", "hub"});
    ip(hub_, {"link", "set", "hub", "up"});
    for (int i = 0; i < nodes; ++i) add(i);
    enter(hub_);
  }

  ~split_network() { (void)::setns(outside_.number(), CLONE_NEWNET); }
  split_network(const split_network&) = delete;
  split_network& operator=(const split_network&) = delete;

  /// Where a node is: for `program`.
  int of(int node) const { return ends_.at(static_cast<std::size_t>(node)).number(); }
  static std::string host(int node) { return "10.91.0." + std::to_string(node + 2); }

  void cut(int node) { ip(hub_, {"link", "set", cable(node), "down"}); }
  void mend(int node) { ip(hub_, {"link", "set", cable(node), "up"}); }

private:
  static std::string cable(int node) { return "to" + std::to_string(node); }

  static descriptor current() { return descriptor{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)}; }

  // It is there for as long as somebody has it open.
  static descriptor new_network() {
    descriptor out;
    std::thread{[&] {
      if (::unshare(CLONE_NEWNET) == 0) out = current();
    }}.join();
    if (!out) throw std::runtime_error("it takes root to make a network");
    return out;
  }

  static void enter(const descriptor& network) {
    if (::setns(network.number(), CLONE_NEWNET) != 0) throw std::runtime_error("cannot enter a network");
  }

  void ip(const descriptor& network, std::vector<std::string> words) {
    words.insert(words.begin(), "ip");
    program command{words, folder_ / "ip.log", network.number()};
    if (command.status() != 0) throw std::runtime_error("cannot make a network: " + command.log());
  }

  void add(int node) {
    auto& end = ends_.emplace_back(new_network());
    auto there = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(end.number());
    ip(hub_, {"link", "add", cable(node), "type", "veth", "peer", "name", "eth0", "netns", there});
    ip(hub_, {"link", "set", cable(node), "master", "hub"});
    ip(hub_, {"link", "set", cable(node), "up"});
    ip(end, {"addr", "add", host(node) + "/24", "dev", "eth0"});
    ip(end, {"link", "set", "lo", "up"});
    ip(end, {"link", "set", "eth0", "up"});
  }

  scratch folder_;
  descriptor outside_;
  descriptor hub_;
  std::vector<descriptor> ends_;
};

} // namespace vef::test
