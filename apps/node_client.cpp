#include <vef/apps/node_client.hpp>

#include <vef/nodes/remote.hpp>
#include <vef/supervisor/runtime_host.hpp>

#include <caf/scoped_actor.hpp>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr auto control_limit = 30s; // for answers that need no model
constexpr auto work_limit = 11min;  // for the others, which have bounds of their own

// What a person said about models here, and a node would not hear.
const char* local_option(const common_options& x) {
  return !x.models.empty()        ? "--models"
         : !x.services.empty()    ? "--services"
         : !x.budget.empty()      ? "--budget"
         : x.jobs > 0             ? "--jobs"
         : !x.checkpoints.empty() ? "an option for checkpoints"
                                  : nullptr;
}

result<runtime_host_ptr> host_for(const common_options& options) {
  if (options.nodes.empty())
    return fail(errc::invalid_argument,
                "no node is named: say which with --node HOST:PORT, or in the environment with VEF_NODE");
  if (auto local = local_option(options))
    return fail(errc::invalid_argument, std::string{local}
                                            + " is about models of this machine, and with --node or VEF_NODE "
                                              "a node does the work, with its own: leave one of the two out");
  std::vector<node_address> addresses;
  for (const auto& text : options.nodes) {
    auto address = parse_address(text);
    if (!address) return fail(address.error());
    addresses.push_back(std::move(*address));
  }
  return remote_host(std::move(addresses), {.tls = options.tls, .insecure = options.insecure});
}

} // namespace

result<std::unique_ptr<runtime>> remote_runtime(const common_options& options) {
  auto host = host_for(options);
  if (!host) return fail(host.error());
  return std::make_unique<runtime>(std::move(*host));
}

struct node_client::core {
  runtime_host_ptr host; // none for this program's own node
  cluster_actor front;                // goes before the host, which waits for actors

  template <class T, class... Ts> result<T> ask(std::chrono::milliseconds limit, Ts&&... message) const {
    result<T> out = vef::fail(errc::internal, "no answer");
    caf::scoped_actor self{front->home_system()};
    self->request(front, limit, std::forward<Ts>(message)...)
        .receive([&](T& x) { out = std::move(x); }, [&](caf::error& why) { out = vef::fail(from_caf(why)); });
    return out;
  }
};

result<node_client> node_client::connect(const common_options& options) {
  auto host = host_for(options);
  if (!host) return fail(host.error());
  auto x = std::make_unique<core>();
  x->host = std::move(*host);
  x->front = caf::actor_cast<cluster_actor>(x->host->actors.registry);
  return node_client{std::move(x)};
}

node_client::node_client(const served_node& own)
    : core_(std::make_unique<core>()) {
  core_->front = own.front;
}

node_client::node_client(std::unique_ptr<core> x)
    : core_(std::move(x)) {}

node_client::node_client(node_client&&) noexcept = default;
node_client& node_client::operator=(node_client&&) noexcept = default;
node_client::~node_client() = default;

result<cluster_status> node_client::nodes() const {
  return core_->ask<cluster_status>(control_limit, nodes_atom_v);
}

result<model_status> node_client::load(const model_key& what, const std::string& node) const {
  if (node.empty()) return core_->ask<model_status>(work_limit, load_atom_v, what.service, what.model);
  return core_->ask<model_status>(work_limit, load_atom_v, node, what.service, what.model);
}

result<std::vector<unload_report>> node_client::unload(const unload_request& what,
                                                       const std::string& node) const {
  using reports = std::vector<unload_report>;
  if (node.empty()) return core_->ask<reports>(work_limit, unload_atom_v, what);
  return core_->ask<reports>(work_limit, unload_atom_v, node, what);
}

result<service_status> node_client::create(const service_spec& spec, const std::string& node) const {
  return core_->ask<service_status>(work_limit, create_atom_v, node, spec);
}

} // namespace vef
