#include "bench/node_group.hpp"

#include <vef/nodes/certificate_files.hpp>
#include <vef/nodes/remote.hpp>
#include <vef/supervisor/runtime_host.hpp>

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <cstdlib>

namespace vef::bench {

namespace fs = std::filesystem;

using namespace std::chrono_literals;

namespace {

constexpr auto patience = 30s;

std::vector<node_address> parsed(const std::vector<std::string>& nodes) {
  std::vector<node_address> out;
  for (const auto& x : nodes) out.push_back(or_throw(parse_address(x)));
  return out;
}

// On a busy machine a first attempt may come to nothing.
runtime_host_ptr host_for(const std::vector<std::string>& nodes, const fs::path& tls) {
  for (auto end = std::chrono::steady_clock::now() + patience;;) {
    auto out = remote_host(parsed(nodes), {.tls = tls, .insecure = tls.empty()}, patience);
    if (out || std::chrono::steady_clock::now() > end) return or_throw(std::move(out));
  }
}

bool knows_all(const cluster_status& x, std::size_t count) {
  auto ready = [](const node_view& one) {
    return one.link != link_state::connecting
           && std::ranges::any_of(one.report.models, [](const model_presence& model) {
                return model.who.model == "small" && model.tier != tier::absent;
              });
  };
  return static_cast<std::size_t>(std::ranges::count_if(x.nodes, ready)) == count;
}

} // namespace

// -- run_folder -------------------------------------------------------------------------------------------------

run_folder::run_folder() {
  auto name = (fs::temp_directory_path() / "vef-bench-XXXXXX").string();
  if (!::mkdtemp(name.data()))
    throw failure{{errc::cannot_write, "cannot make a folder for the benchmark at " + vef::quoted(name)}};
  path_ = name;
}

run_folder::~run_folder() {
  std::error_code none;
  fs::remove_all(path_, none);
}

fs::path run_folder::certificates() const {
  auto out = path_ / "node";
  if (fs::exists(out)) return out;
  or_throw(write_authority(path_ / "authority", "benchmarks", std::chrono::days{2}));
  or_throw(write_node(path_ / "authority", out, {"127.0.0.1", "localhost"}, std::chrono::days{1}));
  return out;
}

// -- connection -------------------------------------------------------------------------------------------------

connection::connection(const std::vector<std::string>& nodes, const fs::path& tls)
    : connection(host_for(nodes, tls)) {}

connection::connection(runtime_host_ptr host)
    : host_(host.get())
    , runtime_(std::move(host)) {}

template <class T, class... Ts> T connection::ask(Ts... message) {
  result<T> out = fail(errc::internal, "no answer");
  caf::scoped_actor self{*host_->system};
  self->request(caf::actor_cast<cluster_actor>(host_->actors.registry), patience, std::move(message)...)
      .receive([&](T& x) { out = std::move(x); }, [&](caf::error& why) { out = fail(from_caf(why)); });
  return or_throw(std::move(out));
}

void connection::load(const std::string& node, const std::string& model) {
  (void)ask<model_status>(load_atom_v, node, std::string{"bench"}, model);
}

cluster_status connection::nodes() { return ask<cluster_status>(nodes_atom_v); }

// -- node_group -------------------------------------------------------------------------------------------------

node_group::node_group(std::size_t count, const node_plan& each) {
  for (std::size_t i = 0; i < count; ++i) {
    auto plan = each;
    plan.number = static_cast<unsigned>(i);
    if (i + 1 < count) plan.journal.clear();
    plan.join = addresses(std::min<std::size_t>(i, 1));
    nodes_.emplace_back(plan);
    if (i == 0) nodes_[0].wait(); // all others at once
  }
  for (std::size_t i = 1; i < count; ++i) nodes_[i].wait();
  auto end = std::chrono::steady_clock::now() + patience;
  for (std::size_t i = 0; i < count; ++i) {
    connection there{{nodes_[i].address()}, each.tls};
    there.load(std::to_string(i), "small");
  }
  for (const auto& node : nodes_) {
    connection there{{node.address()}, each.tls};
    while (!knows_all(there.nodes(), count)) {
      if (std::chrono::steady_clock::now() > end)
        throw failure{{errc::unavailable, "the nodes of the benchmark do not find each other"}};
      std::this_thread::sleep_for(20ms);
    }
  }
}

std::vector<std::string> node_group::addresses(std::size_t count) const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(nodes_[i].address());
  return out;
}

} // namespace vef::bench
