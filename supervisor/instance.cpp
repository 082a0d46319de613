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
  if (auto good = validate(options.memory); !good) return fail(good.error());
  if (options.idle.device.count() < 0 || options.idle.host.count() < 0)
    return fail(errc::invalid_config, "an idle timeout can't be negative");
  on_actor_failure([](const char* actor, const std::string& what) {
    spdlog::critical("an actor of kind {} failed: {}", actor, what);
  });
  instance out;
  out.registry = spawn_registry(system, options.types);
  out.governor = spawn_governor(system, options.memory, work.background);
  auto devices = std::make_shared<device_sources>();
  monitor_actor monitor;
  if (options.monitor.interval.count() > 0)
    monitor = spawn_memory_monitor(system, {options.monitor, out.governor, work.background, devices});
  out.supervisor = spawn_supervisor(system, {options.types, std::move(work), out.registry, out.governor,
                                             monitor, devices, options.models, options.idle});
  for (const auto& name : *order) {
    auto spec = std::ranges::find(options.services, name, &service_spec::name);
    caf::anon_send(out.supervisor, create_atom_v, *spec);
  }
  return out;
}

} // namespace vef
