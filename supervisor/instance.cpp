#include <vef/supervisor/instance.hpp>

#include <vef/actors/restart_policy.hpp>
#include <vef/supervisor/health_state.hpp>
#include <vef/supervisor/start_order.hpp>

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace vef {

result<instance> spawn(caf::actor_system& system, instance_options options) {
  auto work = make_workers(options.work);
  return spawn(system, std::move(options), std::move(work));
}

result<instance> spawn(caf::actor_system& system, instance_options options, workers work) {
  auto order = start_order(options.services);
  if (!order) return fail(order.error());
  if (auto good = validate(options.memory); !good) return fail(good.error());
  if (auto good = validate(options.supervision.restart); !good) return fail(good.error());
  for (const auto& x : options.services) {
    auto good = validate(x.health, x.health_check_interval);
    if (good) good = validate(x.restart);
    if (good) good = validate_capabilities(x.required_capabilities);
    if (!good) return fail(errc::invalid_config, "service " + vef::quoted(x.name) + ": " + good.error().what);
  }
  if (options.idle.device.count() < 0 || options.idle.host.count() < 0)
    return fail(errc::invalid_config, "an idle timeout can't be negative");
  on_actor_failure([](const char* actor, const std::string& what) {
    spdlog::critical("an actor of kind {} failed: {}", actor, what);
  });
  instance out;
  out.registry = spawn_registry(system, options.types);
  out.governor = spawn_governor(system, options.memory, work.background);
  supervisor_setup root{options.types, std::move(work), out.registry, out.governor};
  root.memory = std::move(options.memory);
  root.monitor = options.monitor;
  root.models = options.models;
  root.idle = options.idle;
  root.options = options.supervision;
  root.capabilities =
      options.capabilities ? std::move(*options.capabilities) : machine_capabilities(options.types);
  root.processes = std::move(options.processes);
  out.supervisor = spawn_supervisor(system, std::move(root));
  for (const auto& name : *order) {
    auto spec = std::ranges::find(options.services, name, &service_spec::name);
    caf::anon_send(out.supervisor, create_atom_v, *spec);
  }
  return out;
}

} // namespace vef
