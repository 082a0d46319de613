#include <vef/supervisor/instance.hpp>

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
  std::erase_if(options.services, [](const service_spec& x) {
    if (!x.auto_start) spdlog::info("service {} is not started by itself", x.name);
    return !x.auto_start;
  });
  auto order = start_order(options.services);
  if (!order) return fail(order.error());
  on_actor_failure([](const char* actor, const std::string& what) {
    spdlog::critical("an actor of kind {} failed: {}", actor, what);
  });
  instance out;
  out.registry = spawn_registry(system, options.types);
  out.governor = spawn_governor(system, options.memory);
  out.supervisor =
      spawn_supervisor(system, {options.types, std::move(work), out.registry, out.governor, options.models});
  for (const auto& name : *order) {
    auto spec = std::ranges::find(options.services, name, &service_spec::name);
    caf::anon_send(out.supervisor, create_atom_v, *spec);
  }
  return out;
}

} // namespace vef
