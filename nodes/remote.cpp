#include <vef/nodes/remote.hpp>

#include <vef/supervisor/runtime_host.hpp>

namespace vef {

result<runtime_host_ptr> remote_host(std::vector<node_address> nodes, const network_options& network,
                                     std::chrono::milliseconds limit) {
  runtime_host_ptr out{new runtime_host};
  if (auto prepared = prepare_network(out->config, network); !prepared) return fail(prepared.error());
  out->system = std::make_unique<caf::actor_system>(out->config);
  auto there = connect(*out->system, std::move(nodes), limit);
  if (!there) return fail(there.error());
  out->actors = std::move(*there);
  out->shutdown_limit = std::chrono::seconds{2}; // nothing is lost when a connection ends
  return out;
}

namespace {

// The children of a node are connected by its own certificates; one without any makes some for them, and
// these are the network's then.
result<void> add_network(runtime_host& host, runtime_options& options, const node_options& node) {
  if (node.insecure && !node.tls.empty()) {
    auto contradiction = certificates_of({node.tls, true});
    return fail(contradiction.error());
  }
  if (node.insecure) {
    if (auto made = add_processes(host, options); !made) return made;
    if (!host.processes) vef::add_network(host.config, {});
    return {};
  }
  auto certificates = prepare_network(host.config, {node.tls, false});
  if (!certificates) return fail(certificates.error());
  if (!options.processes) options.processes = process_options{};
  options.processes->certificates = *certificates;
  return add_processes(host, options);
}

} // namespace

result<serving_host> serve(runtime_options options, node_options node) {
  runtime_host_ptr host{new runtime_host};
  if (auto made = add_network(*host, options, node); !made) return fail(made.error());
  if (auto made = start(*host, std::move(options)); !made) return fail(made.error());
  auto served = serve(*host->system, host->actors, std::move(node));
  if (!served) return fail(served.error());
  return serving_host{std::move(host), std::move(*served)};
}

} // namespace vef
