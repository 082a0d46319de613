#include <vef/apps/list_commands.hpp>

#include <vef/apps/json.hpp>
#include <vef/apps/session.hpp>
#include <vef/apps/sizes.hpp>
#include <vef/apps/table.hpp>

namespace vef {

namespace {

std::string preparation_text(const preparation& x) {
  auto size = std::to_string(x.width) + " x " + std::to_string(x.height);
  std::string out = x.resize == resize_rule::none            ? "as it is"
                    : x.resize == resize_rule::shortest_edge ? "shortest edge to " + std::to_string(x.width)
                    : x.resize == resize_rule::longest_edge  ? "inside " + size
                                                             : "to " + size;
  if (x.resize != resize_rule::none)
    out += ", " + std::string{to_string(x.filter)} + (x.antialias ? "" : " without antialiasing");
  if (x.crop_width > 0)
    out += ", centre crop " + std::to_string(x.crop_width) + " x " + std::to_string(x.crop_height);
  return out + ", " + std::string{to_string(x.channels)};
}

std::string join(const std::vector<std::string>& words, const char* between = ", ") {
  std::string out;
  for (const auto& x : words) out += (out.empty() ? "" : between) + x;
  return out;
}

std::string info_text(const catalog_entry& x) {
  const auto& m = x.model;
  table lines{{{""}, {"", column_kind::prose}}};
  auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) lines.add({name, value});
  };
  add("id", m.id);
  add("name", m.name);
  add("service", x.service + (x.is_default ? " (its default model)" : ""));
  add("about", m.description);
  add("good for", m.recommended_use);
  add("speed", std::string{to_string(m.performance_rating)});
  add("vectors", std::to_string(m.embed_dim) + " numbers" + (m.normalized ? ", of length 1" : ""));
  add("memory", size_text(m.memory_estimate));
  add("batch", count(m.batch_size, "picture"));
  add("pictures", preparation_text(m.prepare));
  for (const auto& fact : m.facts) add(fact.name.c_str(), fact.value);
  add("variants", join(variant_names()));
  return lines.text();
}

} // namespace

exit_code models_command(const common_options& common, bool as_json, console& out) {
  auto opened = session::open(common);
  if (!opened) return refuse(out, opened.error());
  if (as_json) return print(out, to_page(to_json(opened->catalog())));
  auto chosen = opened->find({});
  table rows{{{"model"},
              {"vector", column_kind::number},
              {"memory", column_kind::number},
              {"speed"},
              {"service"},
              {"good for", column_kind::prose}}};
  for (const auto& x : opened->catalog()) {
    auto is_chosen = chosen && chosen->service == x.service && chosen->model.id == x.model.id;
    rows.add({x.model.id + (is_chosen ? " *" : ""), std::to_string(x.model.embed_dim),
              size_text(x.model.memory_estimate), std::string{to_string(x.model.performance_rating)},
              x.service, x.model.recommended_use.empty() ? x.model.name : x.model.recommended_use});
  }
  return print(out, rows.text() + "* taken where no --model is given\n");
}

exit_code info_command(const std::string& model, const common_options& common, bool as_json, console& out) {
  auto opened = session::open(common, model);
  if (!opened) return refuse(out, opened.error());
  auto found = opened->find(model);
  if (!found) return refuse(out, found.error());
  if (!as_json) return print(out, info_text(*found));
  auto x = to_json(*found);
  x["variants"] = variant_names();
  return print(out, to_page(x));
}

} // namespace vef
