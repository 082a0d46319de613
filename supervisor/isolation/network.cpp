#include <vef/supervisor/isolation/orders.hpp>
#include <vef/supervisor/isolation/processes.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>

namespace vef {

void keep_tls_errors_apart(); // tls_errors.cpp

void add_network(caf::actor_system_config& config, const std::filesystem::path& certificates) {
  keep_tls_errors_apart();
  config.add_message_types<caf::id_block::vef_isolation>();
  config.load<caf::io::middleman>();
  if (!certificates.empty()) {
    config.openssl_certificate = (certificates / "certificate.pem").string();
    config.openssl_key = (certificates / "key.pem").string();
    config.openssl_cafile = (certificates / "ca.pem").string();
    config.load<caf::openssl::manager>();
  }
  // Off by default: a peer that is frozen, or behind a network that is down, would stay connected for ever.
  config.set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{2}});
  config.set("middleman.connection-timeout", caf::timespan{std::chrono::seconds{10}});
  // A connection that is being made when the system ends would keep it from ending otherwise.
  config.set("middleman.attach-utility-actors", true);
}

} // namespace vef
