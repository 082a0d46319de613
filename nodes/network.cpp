#include <vef/nodes/network.hpp>

#include <vef/nodes/certificate_files.hpp>
#include <vef/nodes/tls_files.hpp>
#include <vef/supervisor/isolation/processes.hpp>

#include <caf/actor_system_config.hpp>

namespace vef {

result<std::filesystem::path> certificates_of(const network_options& options) {
  if (options.insecure) {
    if (!options.tls.empty())
      return fail(errc::invalid_config, "a network can't be insecure and have certificates ("
                                            + vef::quoted(options.tls.string())
                                            + "): leave one of the two out");
    return std::filesystem::path{};
  }
  auto folder = options.tls.empty() ? user_certificates() : result<std::filesystem::path>{options.tls};
  if (!folder) return fail(folder.error());
  if (auto good = check_tls_files(*folder, std::chrono::system_clock::now()); !good)
    return fail(good.error());
  return folder;
}

result<std::filesystem::path> prepare_network(caf::actor_system_config& config,
                                              const network_options& options) {
  auto folder = certificates_of(options);
  if (folder) add_network(config, *folder);
  return folder;
}

} // namespace vef
