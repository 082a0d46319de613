#pragma once

#include "network/client.hpp"
#include "network/program.hpp"
#include "support/catch.hpp"

#include <vef/nodes/certificate_files.hpp>

#include <algorithm>
#include <optional>

namespace vef::test {

/// How a node of a test is; more by further words (node_process.cpp).
struct test_node_options {
  std::string name = {};
  std::vector<std::string> join = {}; ///< names of nodes that run
  std::chrono::microseconds per_picture{500};
  std::vector<std::string> models = {"a:1000"};
  std::vector<std::string> words = {};
  std::string listen = "127.0.0.1:0";
  std::filesystem::path tls = {}; ///< empty: as the fixture has it
};

/// Several nodes in processes of their own, which trust each other.
class node_fixture {
public:
  explicit node_fixture(bool plain = false) {
    if (plain) return;
    or_throw(write_authority(folder / "authority", "tests", std::chrono::days{2}));
    tls_ = member("member", {"127.0.0.1", "localhost"});
  }

  /// A folder with a certificate of this deployment.
  std::filesystem::path member(const std::string& name, const std::vector<std::string>& hosts) {
    or_throw(write_node(folder / "authority", folder / name, hosts, std::chrono::days{1}));
    return folder / name;
  }

  const std::filesystem::path& tls() const { return tls_; }

  /// Starts a node, or the successor of a dead one at its address, and waits until it serves.
  program& start(test_node_options x, int network = -1) {
    auto& node = launch(std::move(x), network);
    auto line = node.process->line();
    if (!line.starts_with("ready ")) throw std::runtime_error(line + "; its log: " + node.process->log());
    node.address = line.substr(6);
    return *node.process;
  }

  /// The same for one that does not come up: what it says.
  std::string refusal(test_node_options x) {
    auto line = launch(std::move(x), -1).process->line();
    return line.starts_with("failed ") ? line.substr(7) : "";
  }

  program& operator[](const std::string& name) { return *nodes_.at(name).process; }
  const std::string& address(const std::string& name) const { return nodes_.at(name).address; }

  /// A client of these nodes. On a busy machine a handshake may take longer than it may: then once more.
  std::unique_ptr<client> connect(const std::vector<std::string>& names) const {
    std::vector<std::string> where;
    for (const auto& x : names) where.push_back(address(x));
    std::unique_ptr<client> out;
    std::string problem;
    auto tried = [&] {
      try {
        out = std::make_unique<client>(where, tls_);
      } catch (const failure& why) {
        problem = why.what();
      }
      return out != nullptr;
    };
    return comes(tried) ? std::move(out) : throw std::runtime_error(problem);
  }

  /// What a node knows of all.
  cluster_status view(const std::string& at) {
    auto& x = nodes_.at(at);
    if (!x.observer) x.observer = connect({at});
    return x.observer->nodes().value_or(cluster_status{});
  }

  std::optional<node_view> view(const std::string& at, const std::string& of) {
    for (const auto& x : view(at).nodes)
      if (x.facts.name == of) return x;
    return {};
  }

  /// Whether each of these nodes knows them all, reaches them all and no other one, and has heard how they
  /// do.
  bool agree(std::vector<std::string> names) {
    std::ranges::sort(names);
    return std::ranges::all_of(names, [&](const std::string& at) {
      std::vector<std::string> reached;
      for (const auto& x : view(at).nodes)
        if (x.link != link_state::connecting && x.report.number > 0) reached.push_back(x.facts.name);
      std::ranges::sort(reached);
      return reached == names;
    });
  }

  /// How often each picture was begun at a node, by number.
  std::map<std::uint32_t, std::uint32_t> begun(const std::vector<std::string>& at) const {
    std::map<std::uint32_t, std::uint32_t> out;
    for (const auto& name : at)
      for (const auto& line : lines_of(journal(name)))
        if (line.starts_with("begun ")) ++out[static_cast<std::uint32_t>(std::stoul(line.substr(6)))];
    return out;
  }

  std::size_t loads(const std::string& at, const std::string& model) const {
    return static_cast<std::size_t>(std::ranges::count(lines_of(journal(at)), "loaded " + model));
  }

  std::filesystem::path journal(const std::string& name) const { return folder / (name + ".journal"); }

  scratch folder;

private:
  struct running {
    std::unique_ptr<program> process;
    std::string address = {};
    std::unique_ptr<client> observer = {};
  };

  running& launch(test_node_options x, int network) {
    auto& node = nodes_[x.name];
    auto secured = x.tls.empty() ? tls_ : x.tls;
    std::vector<std::string> command{VEF_TEST_NODE,
                                     "name=" + x.name,
                                     "listen=" + x.listen,
                                     "picture_us=" + std::to_string(x.per_picture.count()),
                                     "models=" + joined(x.models),
                                     "journal=" + journal(x.name).string()};
    command.push_back(secured.empty() ? "insecure" : "tls=" + secured.string());
    std::vector<std::string> addresses;
    for (const auto& one : x.join) addresses.push_back(address(one));
    if (!x.join.empty()) command.push_back("join=" + joined(addresses));
    command.insert(command.end(), x.words.begin(), x.words.end());
    node.process = std::make_unique<program>(command, folder / (x.name + ".log"), network);
    return node;
  }

  static std::string joined(const std::vector<std::string>& all) {
    std::string out;
    for (const auto& x : all) out += (out.empty() ? "" : ",") + x;
    return out;
  }

  std::filesystem::path tls_;
  std::map<std::string, running> nodes_;
};

} // namespace vef::test
