#include <vef/apps/serve_command.hpp>

#include <vef/apps/interrupt.hpp>
#include <vef/apps/node_client.hpp>
#include <vef/apps/usual_services.hpp>
#include <vef/nodes/node_file.hpp>
#include <vef/nodes/remote.hpp>
#include <vef/nodes/tls_files.hpp>
#include <vef/supervisor/runtime_host.hpp>
#include <vef/supervisor/spec_file.hpp>

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <thread>

namespace vef {

namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto look_every = 50ms; // for a signal
constexpr auto told_within = 5s;  // others are told of new models now and then
constexpr auto certificates_every = clock::duration{24h};

/// What a node is made of.
struct serving_plan {
  runtime_options runtime;
  node_options node;
};

result<std::vector<fs::path>> shared_folders(const std::vector<std::string>& names) {
  std::vector<fs::path> out;
  for (const auto& name : names) {
    std::error_code none;
    if (!fs::is_directory(name, none))
      return fail(errc::file_not_found, "cannot share " + vef::quoted(name) + ": there is no such folder");
    auto path = fs::absolute(name).lexically_normal();
    out.push_back(path.has_filename() ? path : path.parent_path());
  }
  return out;
}

result<std::vector<node_address>> addresses(const std::vector<std::string>& texts) {
  std::vector<node_address> out;
  for (const auto& text : texts) {
    auto address = parse_address(text);
    if (!address) return fail(address.error());
    out.push_back(std::move(*address));
  }
  return out;
}

result<void> add_addresses(node_options& to, const serve_options& x) {
  if (!x.listen.empty()) {
    auto listen = parse_address(x.listen);
    if (!listen) return fail(listen.error());
    to.listen = std::move(*listen);
  }
  if (!x.advertise.empty()) to.advertise = x.advertise;
  auto join = addresses(x.join);
  if (!join) return fail(join.error());
  if (!join->empty()) to.join = std::move(*join);
  return {};
}

// The command line goes before the file, and that before the environment.
result<node_options> node_of(const serve_options& x, const common_options& common, node_options of_file) {
  auto out = std::move(of_file);
  if (auto good = add_addresses(out, x); !good) return fail(good.error());
  if (vef::quoted(x.name) != '\'' + x.name + '\'')
    return fail(errc::invalid_argument,
                "--name " + vef::quoted(x.name) + " has characters that can't be shown");
  if (!x.name.empty()) out.name = x.name;
  if (!x.labels.empty()) out.labels = x.labels;
  auto shared = shared_folders(x.shared);
  if (!shared) return fail(shared.error());
  if (!shared->empty()) out.shared_folders = std::move(*shared);
  out.read_only = out.read_only || x.read_only;
  out.insecure = out.insecure || common.insecure;
  if (!common.tls.empty()) out.tls = common.tls;
  auto tls = std::getenv("VEF_TLS");
  if (tls && out.tls.empty() && !out.insecure) out.tls = tls;
  return out;
}

// Those of a file, with models beside them; or else the usual ones.
result<std::vector<service_spec>>
services_of(const common_options& common, std::vector<service_spec> described, const backend_types& types) {
  auto paths = checked_sources(common.models);
  if (!paths) return fail(paths.error());
  model_sources from{.paths = std::move(*paths), .settings = common.checkpoints};
  if (described.empty()) {
    from.hub_cache = true;
    return usual_services(from, types);
  }
  auto beside = services_for(from, types);
  if (!beside) return fail(beside.error());
  described.insert(described.end(), beside->begin(), beside->end());
  return described;
}

result<serving_plan> plan_of(const serve_options& options, common_options common) {
  if (!common.nodes.empty())
    return fail(errc::invalid_argument,
                "--node asks another node, and this program is to be one: join others with --join");
  node_file file;
  if (!options.file.empty()) {
    auto read = read_node_file(options.file);
    if (!read) return fail(read.error());
    file = std::move(*read);
  }
  if (!common.services.empty()) {
    auto specs = read_service_specs(common.services);
    if (!specs) return fail(specs.error());
    file.services = std::move(*specs);
  }
  common.models.insert(common.models.begin(), file.models.begin(), file.models.end());
  if (common.budget.empty()) common.budget = file.budget;
  if (common.threads == 0) common.threads = file.threads;
  auto node = node_of(options, common, std::move(file.node));
  if (!node) return fail(node.error());
  auto runtime = own_runtime_options(common);
  if (!runtime) return fail(runtime.error());
  auto services = services_of(common, std::move(file.services), *runtime->backends);
  if (!services) return fail(services.error());
  runtime->services = std::move(*services);
  return serving_plan{std::move(*runtime), std::move(*node)};
}

// -- while it serves ----------------------------------------------------------------------------------------

// Whoever reads the line may ask for a model at once.
void wait_until_told(const node_client& self, runtime& here) {
  auto offered = here.models();
  for (auto end = clock::now() + told_within; offered && clock::now() < end && !interrupt::requested();) {
    auto all = self.nodes();
    if (!all || all->nodes.empty() || all->nodes.front().report.catalog.size() >= offered->size()) return;
    std::this_thread::sleep_for(look_every);
  }
}

void warn_of_expiry(const fs::path& certificates) {
  if (certificates.empty()) return;
  if (auto warning = expiry_warning(certificates, std::chrono::system_clock::now()))
    spdlog::warn("{}", *warning);
}

void wait_for_signal(const fs::path& certificates) {
  for (auto last = clock::now(); !interrupt::requested(); std::this_thread::sleep_for(look_every)) {
    if (clock::now() - last < certificates_every) continue;
    last = clock::now();
    warn_of_expiry(certificates);
  }
}

exit_code run(serving_host served, const fs::path& certificates, bool quiet, console& out) {
  runtime here{std::move(served.host)};
  auto own = std::move(served.node); // with handles, which go before the runtime
  served.node = {};
  node_client self{own};
  if (auto settled = here.wait_for_services(); !settled) return refuse(out, settled.error());
  wait_until_told(self, here);
  // A node does its work whether or not somebody reads this.
  (void)print(out, "vef: node " + vef::quoted(own.facts.name) + " listens at " + own.facts.address + '\n');
  wait_for_signal(certificates);
  if (!quiet) out.say("vef: finishing what is under way (once more quits at once)");
  return exit_code::ok;
}

} // namespace

exit_code serve_command(const serve_options& options, const common_options& common, console& out) {
  interrupt signals; // until the node has ended
  auto plan = plan_of(options, common);
  if (!plan) return refuse(out, plan.error());
  auto certificates = certificates_of({plan->node.tls, plan->node.insecure});
  if (!certificates) return refuse(out, certificates.error());
  warn_of_expiry(*certificates);
  auto served = serve(std::move(plan->runtime), std::move(plan->node));
  if (!served) return refuse(out, served.error());
  return run(std::move(*served), *certificates, common.quiet, out);
}

} // namespace vef
