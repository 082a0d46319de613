#include <vef/supervisor/start_order.hpp>

#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace vef {

namespace {

using specs_by_name = std::map<std::string, const service_spec*>;

result<specs_by_name> index(std::span<const service_spec> specs) {
  specs_by_name known;
  std::vector<std::string> names;
  for (const auto& spec : specs) {
    if (!known.emplace(spec.name, &spec).second)
      return fail(errc::duplicate_name, "two services are named " + quoted(spec.name));
    names.push_back(spec.name);
  }
  for (const auto& spec : specs)
    for (const auto& need : spec.dependencies)
      if (!known.contains(need))
        return fail(errc::unknown_service,
                    "service " + quoted(spec.name) + " depends on an " + unknown("service", need, names));
  return known;
}

// Every service left depends on another one that is left: following any dependency runs into a cycle.
error name_cycle(const specs_by_name& known, const std::set<std::string>& left) {
  std::vector<std::string> path{*left.begin()};
  for (;;) {
    const auto& needs = known.at(path.back())->dependencies;
    auto next = std::ranges::find_if(needs, [&](const std::string& x) { return left.contains(x); });
    auto seen = std::ranges::find(path, *next);
    if (seen == path.end()) {
      path.push_back(*next);
      continue;
    }
    std::string text = "services depend on each other in a circle: ";
    for (; seen != path.end(); ++seen) text += *seen + " -> ";
    return {errc::invalid_config, text + *next};
  }
}

} // namespace

result<std::vector<std::string>> start_order(std::span<const service_spec> specs) {
  auto known = index(specs);
  if (!known) return fail(known.error());
  std::set<std::string> left;
  for (const auto& [name, spec] : *known) left.insert(name);

  std::vector<std::string> order;
  while (!left.empty()) {
    const service_spec* next = nullptr;
    for (const auto& name : left) {
      auto spec = known->at(name);
      auto blocked =
          std::ranges::any_of(spec->dependencies, [&](const std::string& x) { return left.contains(x); });
      if (!blocked && (!next || spec->startup_priority < next->startup_priority)) next = spec;
    }
    if (!next) return fail(name_cycle(*known, left));
    order.push_back(next->name);
    left.erase(next->name);
  }
  return order;
}

} // namespace vef
