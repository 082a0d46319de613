#include <vef/supervisor/spec_file.hpp>

#include <vef/actors/restart_policy.hpp>
#include <vef/backends/table_reader.hpp>
#include <vef/messages/suggest.hpp>
#include <vef/supervisor/capabilities.hpp>
#include <vef/supervisor/health_state.hpp>
#include <vef/supervisor/start_order.hpp>

#include <algorithm>
#include <map>

namespace vef {

namespace {

/// A service, and where stands what only a look at all services can judge.
struct placed_spec {
  service_spec spec;
  std::string name_at;
  std::string needs_at;
  std::vector<std::string> each_need_at;
};

std::map<std::string, std::string> read_settings(table_reader in) {
  std::map<std::string, std::string> out;
  for (const auto& entry : in.entries()) out[entry.key] = in.scalar(entry.key);
  return out;
}

idle_timeouts read_idle(table_reader in) {
  idle_timeouts out;
  out.device = in.duration_or("device", out.device);
  out.host = in.duration_or("host", out.host);
  return out;
}

health_rules read_health(table_reader in) {
  health_rules out;
  out.deadline = in.duration_or("deadline", out.deadline);
  out.misses = in.whole_or("misses", out.misses, 1);
  out.stuck_after = in.duration_or("stuck_after", out.stuck_after);
  out.canary = in.boolean_or("canary", out.canary);
  return out;
}

restart_rules read_restart(table_reader in) {
  restart_rules out;
  out.first_pause = in.duration_or("first_pause", out.first_pause);
  out.longest_pause = in.duration_or("longest_pause", out.longest_pause);
  out.most = in.whole_or("most", out.most);
  out.window = in.duration_or("window", out.window);
  out.with_dependencies = in.boolean_or("with_dependencies", out.with_dependencies);
  out.warm = in.boolean_or("warm", out.warm);
  return out;
}

void read_rules(table_reader& in, service_spec& out) {
  if (in.has("settings")) out.settings = read_settings(in.inner("settings"));
  if (in.has("idle")) out.idle = read_idle(in.inner("idle", {"device", "host"}, "a table of times"));
  if (in.has("health"))
    out.health =
        read_health(in.inner("health", {"deadline", "misses", "stuck_after", "canary"}, "a table of rules"));
  if (in.has("restart"))
    out.restart = read_restart(
        in.inner("restart", {"first_pause", "longest_pause", "most", "window", "with_dependencies", "warm"},
                 "a table of rules"));
}

void judge_capabilities(table_reader& in, const std::vector<std::string>& required) {
  constexpr auto key = "required_capabilities";
  auto good = validate_capabilities(required);
  if (good) return;
  auto bad = std::ranges::find_if_not(
      required, [](const std::string& word) { return validate_capabilities({word}).has_value(); });
  in.refuse(bad == required.end() // together they are wrong, such as one that stands twice
                ? in.where(key)
                : in.where(key, static_cast<std::size_t>(bad - required.begin())),
            good.error().what);
}

void judge_rules(table_reader& in, const service_spec& x) {
  auto who = "service " + vef::quoted(x.name) + ": ";
  if (auto good = validate(x.health, x.health_check_interval); !good)
    in.refuse(in.where("health"), who + good.error().what);
  if (auto good = validate(x.restart); !good) in.refuse(in.where("restart"), who + good.error().what);
}

placed_spec read_service(table_reader& in) {
  placed_spec out;
  auto& x = out.spec;
  x.name = in.string("name", "the word by which others call the service");
  x.backend = in.string_or("backend", {});
  x.dependencies = in.strings("dependencies");
  x.required_capabilities = in.strings("required_capabilities");
  judge_capabilities(in, x.required_capabilities);
  x.startup_priority = in.whole_or("startup_priority", x.startup_priority);
  x.health_check_interval = in.duration_or("health_check_interval", x.health_check_interval);
  x.auto_start = in.boolean_or("auto_start", x.auto_start);
  x.max_loaded_models = in.whole_or("max_loaded_models", x.max_loaded_models);
  x.isolation = in.one_of<isolation>(
      "isolation", {{"none", isolation::none}, {"process", isolation::process}}, isolation::none);
  read_rules(in, x);
  judge_rules(in, x);

  out.name_at = in.where("name");
  out.needs_at = in.where("dependencies");
  for (std::size_t i = 0; i < x.dependencies.size(); ++i)
    out.each_need_at.push_back(in.where("dependencies", i));
  return out;
}

void judge_names(table_reader& in, const std::vector<placed_spec>& all) {
  std::map<std::string, std::string> taken; // where, by name
  std::vector<std::string> names;
  for (const auto& x : all) {
    auto [first, is_new] = taken.emplace(x.spec.name, x.name_at);
    if (!is_new)
      in.refuse(x.name_at, "two services are named " + vef::quoted(x.spec.name) + "; the first one is at "
                               + first->second);
    names.push_back(x.spec.name);
  }
  for (const auto& x : all) {
    for (std::size_t i = 0; i < x.spec.dependencies.size(); ++i) {
      const auto& need = x.spec.dependencies[i];
      if (!taken.contains(need))
        in.refuse(x.each_need_at[i], "service " + vef::quoted(x.spec.name) + " depends on an "
                                         + unknown("service", need, names));
    }
  }
}

// "services depend on each other in a circle: a -> b -> a": whether it speaks of this one.
bool is_in_circle(const std::string& sentence, const std::string& name) {
  auto circle = " -> " + sentence.substr(std::min(sentence.find(": ") + 2, sentence.size())) + " -> ";
  return circle.find(" -> " + name + " -> ") != circle.npos;
}

// Where names are wrong there is no order either, but then that has been said before.
void judge_order(table_reader& in, const std::vector<placed_spec>& all,
                 const std::vector<service_spec>& specs) {
  auto order = start_order(specs);
  if (order) return;
  const auto& why = order.error().what;
  auto first =
      std::ranges::find_if(all, [&](const placed_spec& x) { return is_in_circle(why, x.spec.name); });
  in.refuse((first == all.end() ? all.front() : *first).needs_at, why);
}

} // namespace

std::vector<service_spec> read_services(table_reader& in) {
  std::vector<placed_spec> all;
  in.each("service",
          {"name", "backend", "dependencies", "required_capabilities", "startup_priority",
           "health_check_interval", "auto_start", "max_loaded_models", "isolation", "settings", "idle",
           "health", "restart"},
          [&](table_reader& service) { all.push_back(read_service(service)); });
  std::vector<service_spec> specs;
  for (const auto& x : all) specs.push_back(x.spec);
  judge_names(in, all);
  judge_order(in, all, specs);
  return specs;
}

result<std::vector<service_spec>> read_service_specs(const std::filesystem::path& file) {
  auto root = read_document(file);
  if (!root) return fail(root.error());
  error problem;
  table_reader in{*root, {}, problem, {"node", "placement", "service"}};
  auto specs = read_services(in);
  if (problem) return fail(problem);
  return specs;
}

} // namespace vef
