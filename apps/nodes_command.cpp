#include <vef/apps/nodes_command.hpp>

#include <vef/apps/json.hpp>
#include <vef/apps/node_client.hpp>
#include <vef/apps/sizes.hpp>
#include <vef/apps/table.hpp>
#include <vef/messages/bytes.hpp>

namespace vef {

namespace {

bool has_reported(const node_view& x) { return x.report.number > 0; }

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& x : words) out += (out.empty() ? "" : ", ") + x;
  return out;
}

// Why a node is where it is, or what is special about it.
std::string note_of(const node_view& x) {
  if (x.problem) return x.problem.what;
  if (!x.report.health.reason.empty()) return x.report.health.reason;
  return x.facts.read_only ? "read-only" : std::string{};
}

std::string models_in_memory(const node_view& x) {
  std::vector<std::string> out;
  for (const auto& m : x.report.models)
    if (m.tier != tier::absent) out.push_back(m.who.service + '/' + m.who.model);
  return joined(out);
}

std::string milliseconds_text(std::chrono::microseconds x) {
  if (x.count() == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", static_cast<double>(x.count()) / 1000);
  return text;
}

table nodes_table(const cluster_status& x) {
  table out{{{"node", column_kind::path},
             {"address", column_kind::path},
             {"link"},
             {"health"},
             {"labels", column_kind::prose},
             {"note", column_kind::prose}}};
  for (const auto& n : x.nodes)
    out.add({printable(n.facts.name), printable(n.facts.address), std::string{to_string(n.link)},
             has_reported(n) ? std::string{to_string(n.report.health.state)} : "-",
             printable(joined(n.facts.labels)), printable(note_of(n))});
  return out;
}

table work_table(const cluster_status& x) {
  constexpr auto number = column_kind::number;
  table out{{{"node", column_kind::path},
             {"queued", number},
             {"ms per picture", number},
             {"requests", number},
             {"failures", number},
             {"models in memory", column_kind::prose}}};
  for (const auto& n : x.nodes)
    out.add({printable(n.facts.name), grouped(n.report.queued), milliseconds_text(n.image_time),
             grouped(n.requests), grouped(n.failures), printable(models_in_memory(n))});
  return out;
}

table memory_table(const cluster_status& x) {
  constexpr auto number = column_kind::number;
  table out{{{"node", column_kind::path},
             {"memory of"},
             {"capacity", number},
             {"used", number},
             {"of it idle", number}}};
  for (const auto& n : x.nodes)
    for (const auto& d : n.report.devices)
      out.add({printable(n.facts.name), d.device, format_bytes(d.capacity),
               size_text(d.capacity - std::min(d.room, d.capacity)), size_text(d.idle)});
  return out;
}

} // namespace

std::string nodes_text(const cluster_status& x) {
  auto text =
      titled("Nodes", nodes_table(x)) + titled("Work", work_table(x)) + titled("Memory", memory_table(x));
  if (text.ends_with("\n\n")) text.pop_back();
  return text;
}

exit_code nodes_command(const common_options& common, bool as_json, console& out) {
  auto there = node_client::connect(common);
  if (!there) return refuse(out, there.error());
  auto status = there->nodes();
  if (!status) return refuse(out, status.error());
  return print(out, as_json ? to_page(to_json(status->nodes)) : nodes_text(*status));
}

} // namespace vef
