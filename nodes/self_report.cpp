#include <vef/nodes/self_report.hpp>

#include <vef/actors/ladder.hpp>

#include <algorithm>
#include <map>

namespace vef {

namespace {

device_room room_of(const device_memory& x) {
  device_room out{.device = x.device, .capacity = x.capacity, .room = x.room};
  for (const auto& one : x.holdings)
    if (!one.leased && !one.pinned && one.reserved == 0) out.idle += one.resident + one.working;
  return out;
}

void add_catalog(const service_status& from, node_report& to) {
  for (const auto& info : from.catalog)
    to.catalog.push_back({from.name, info, info.id == from.default_model});
}

// What was measured in the lowest tier that serves, if it was ever there.
std::vector<device_bytes> measured_needs(const service_status& service, const model_usage& usage) {
  auto info = std::ranges::find(service.catalog, usage.who.model, &model_info::id);
  if (info == service.catalog.end()) return {};
  auto ladder = ladder_of(*info);
  auto lowest = lowest_serving(ladder);
  if (std::ranges::none_of(usage.tiers, [&](const tier_need& x) { return x.tier == lowest; })) return {};
  return needs_of(with_measured(ladder, usage.tiers), lowest);
}

bool tells_something(const model_presence& x) {
  return x.state != model_state::absent || !x.needs.empty() || x.load_time.count() > 0 || x.pinned;
}

std::map<model_key, model_presence> presences(const node_status& now) {
  std::map<model_key, model_presence> out;
  auto at = [&](const model_key& who) -> model_presence& {
    auto& x = out[who];
    x.who = who;
    return x;
  };
  for (const auto& service : now.services) {
    for (const auto& m : service.models) {
      auto& x = at({service.name, m.model});
      x.state = m.state;
      x.tier = m.tier;
      x.queued = m.queued;
    }
    for (const auto& usage : now.memory.usage) {
      if (usage.who.service != service.name) continue;
      auto& x = at(usage.who);
      x.needs = measured_needs(service, usage);
      x.load_time = usage.load_time;
    }
  }
  for (const auto& device : now.memory.devices)
    for (const auto& one : device.holdings)
      if (one.pinned) at(one.who).pinned = true;
  return out;
}

} // namespace

node_report self_report(const node_status& now, const node_facts& who) {
  node_report out{
      .node = who.name, .incarnation = who.incarnation, .health = now.health, .has_catalog = true};
  for (const auto& x : now.memory.devices) out.devices.push_back(room_of(x));
  for (const auto& x : now.services)
    if (x.state == service_state::running) add_catalog(x, out);
  for (auto& [key, x] : presences(now)) {
    out.queued += x.queued;
    if (tells_something(x)) out.models.push_back(std::move(x));
  }
  return out;
}

std::vector<device_bytes> catalog_needs(const model_info& x) {
  auto ladder = ladder_of(x);
  return needs_of(ladder, lowest_serving(ladder));
}

bool is_in_memory(const model_presence& x) noexcept {
  return (x.state == model_state::ready || x.state == model_state::moving) && x.tier != tier::absent;
}

} // namespace vef
