#include <vef/nodes/node.hpp>

#include <vef/messages/version.hpp>
#include <vef/nodes/cluster.hpp>
#include <vef/nodes/door.hpp>
#include <vef/nodes/reach.hpp>
#include <vef/nodes/tls_files.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/openssl/publish.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include <unistd.h>

namespace vef {

namespace fs = std::filesystem;

fs::path certificates_in(const caf::actor_system_config& config) {
  return fs::path{config.openssl_certificate}.parent_path();
}

namespace {

bool is_any(const std::string& host) { return host == "0.0.0.0" || host == "::" || host.empty(); }

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

result<void> check_safety(const node_options& x, const fs::path& certificates) {
  if (is_loopback(x.listen)) return {};
  auto where = vef::quoted(to_string(x.listen));
  if (certificates.empty())
    return fail(errc::invalid_config, "an insecure node listens on loopback alone, not at " + where
                                          + ": whoever reaches it could do everything in its name");
  if (x.tls.empty())
    return fail(errc::invalid_config,
                "a node at " + where
                    + " needs certificates of its own, for those made at the first start are "
                      "for loopback: make some with 'vef certs' and name their folder");
  return {};
}

bool covers(const std::string& pattern, const std::string& host) {
  if (!pattern.starts_with("*.")) return pattern == host;
  auto dot = host.find('.');
  return dot != host.npos && host.substr(dot) == pattern.substr(1);
}

// Others look whether the certificate is for the host that they asked for.
result<void> check_host(const node_address& reached_by, const fs::path& certificates) {
  if (certificates.empty()) return {};
  auto hosts = certificate_hosts(certificates);
  if (std::ranges::any_of(hosts, [&](const auto& x) { return covers(x, reached_by.host); })) return {};
  std::string list;
  for (const auto& x : hosts) list += (list.empty() ? "" : ", ") + vef::quoted(x);
  return fail(errc::not_trusted, "the certificate in " + vef::quoted(certificates.string()) + " is for "
                                     + list + ", and this node is reached by " + vef::quoted(reached_by.host)
                                     + ": nobody would connect; name a host that it is for with 'advertise'");
}

result<node_address> reached_by(const node_options& x) {
  if (!x.advertise.empty()) return parse_address(x.advertise, 0);
  auto out = x.listen;
  if (is_any(out.host)) out.host = host_name();
  return out;
}

result<std::uint16_t> publish(caf::actor_system& system, const door_actor& door, const node_address& at,
                              bool secure) {
  auto host = is_any(at.host) ? nullptr : at.host.c_str();
  auto port = secure ? caf::openssl::publish(door, at.port, host, true)
                     : system.middleman().publish(door, at.port, host, true);
  if (!port)
    return fail(errc::address_taken,
                "cannot listen at " + to_string(at) + ": " + from_caf(port.error()).what);
  return *port;
}

node_facts facts_of(const node_options& x) {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  node_facts out{.name = x.name};
  out.incarnation =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
  out.version = version;
  out.labels = x.labels;
  for (const auto& folder : x.shared_folders) out.shared_folders.push_back(folder.string());
  out.read_only = x.read_only;
  out.most_bytes = x.peers.most_bytes;
  return out;
}

} // namespace

result<served_node> serve(caf::actor_system& system, const instance& served, node_options options) {
  auto certificates = certificates_in(system.config());
  if (options.insecure) certificates.clear();
  if (auto good = check_safety(options, certificates); !good) return fail(good.error());
  auto address = reached_by(options);
  if (!address) return fail(address.error());
  if (auto good = check_host(*address, certificates); !good) return fail(good.error());
  if (auto good = free_port(options.listen); !good) return fail(good.error());

  // The name may come from the port, and the port from the system: the door is published before it knows whom
  // it belongs to, and lets nobody in until then.
  auto readers = std::make_shared<worker_pool>("node-files", 4u, 4u, std::chrono::seconds{1});
  auto door = spawn_door(system, options.peers, readers);
  auto port = publish(system, door, options.listen, !certificates.empty());
  if (!port) {
    caf::anon_send_exit(door, caf::exit_reason::user_shutdown);
    return fail(port.error());
  }
  if (options.advertise.empty() || address->port == 0) address->port = *port; // as it listens
  auto facts = facts_of(options);
  facts.address = to_string(*address);
  if (facts.name.empty()) facts.name = facts.address;

  auto front = spawn_cluster(system, {.who = facts,
                                      .options = options,
                                      .certificates = certificates,
                                      .supervisor = served.supervisor,
                                      .background = make_link_workers(),
                                      .readers = std::move(readers)});
  caf::anon_send(door, start_atom_v, facts, front, served.supervisor);
  caf::anon_send(front, start_atom_v, caf::actor_cast<door_actor>(door));
  if (certificates.empty())
    spdlog::warn("this node is insecure: every program of this machine can do everything in its name");
  return served_node{std::move(facts), front};
}

} // namespace vef
