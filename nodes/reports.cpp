#include <vef/nodes/reports.hpp>

#include <map>
#include <tuple>

namespace vef {

namespace {

using models_by_key = std::map<model_key, const model_presence*>;

models_by_key by_key(const std::vector<model_presence>& models) {
  models_by_key out;
  for (const auto& x : models) out[x.who] = &x;
  return out;
}

bool can_build_on(const node_report& from, const node_report& to) {
  return from.node == to.node && from.incarnation == to.incarnation && from.number != 0
         && from.number < to.number;
}

bool can_apply(const node_report& base, const node_report& change) {
  auto known = !base.node.empty();
  if (known && change.node != base.node) return false;
  if (change.builds_on != 0)
    return known && change.incarnation == base.incarnation && change.builds_on == base.number
           && change.number > base.number;
  return std::tie(change.incarnation, change.number) >= std::tie(base.incarnation, base.number);
}

// Of the models before and those of the change; what the change says last of a model counts.
std::vector<model_presence> merged(const node_report& base, const node_report& change) {
  auto models = change.builds_on == 0 ? models_by_key{} : by_key(base.models);
  for (const auto& key : change.gone) models.erase(key);
  for (const auto& [key, model] : by_key(change.models)) models[key] = model;
  std::vector<model_presence> out;
  out.reserve(models.size());
  for (const auto& [key, model] : models) out.push_back(*model);
  return out;
}

} // namespace

node_report difference(const node_report& from, const node_report& to) {
  if (!can_build_on(from, to)) return to;
  node_report out;
  out.node = to.node;
  out.incarnation = to.incarnation;
  out.number = to.number;
  out.builds_on = from.number;
  out.health = to.health;
  out.queued = to.queued;
  out.devices = to.devices;
  out.has_catalog = to.catalog != from.catalog;
  if (out.has_catalog) out.catalog = to.catalog;
  auto before = by_key(from.models), after = by_key(to.models);
  for (const auto& [key, model] : after)
    if (auto was = before.find(key); was == before.end() || *was->second != *model)
      out.models.push_back(*model);
  for (const auto& [key, model] : before)
    if (!after.contains(key)) out.gone.push_back(key);
  return out;
}

bool apply(node_report& base, const node_report& change) {
  if (!can_apply(base, change)) return false;
  auto whole = change.builds_on == 0;
  auto models = merged(base, change);
  base.node = change.node;
  base.incarnation = change.incarnation;
  base.number = change.number;
  base.builds_on = 0;
  base.health = change.health;
  base.queued = change.queued;
  base.devices = change.devices;
  if (whole || change.has_catalog) base.catalog = change.catalog;
  base.has_catalog = true;
  base.models = std::move(models);
  base.gone.clear();
  return true;
}

bool same_state(const node_report& a, const node_report& b) {
  auto same = [&](const auto& x) {
    return x.name == "number" || x.name == "builds_on" || a.*x.member == b.*x.member;
  };
  return std::apply([&](const auto&... fields) { return (same(fields) && ...); }, node_report::fields());
}

} // namespace vef
