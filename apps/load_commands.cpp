#include <vef/apps/load_commands.hpp>

#include <vef/apps/json.hpp>
#include <vef/apps/node_client.hpp>
#include <vef/apps/sizes.hpp>
#include <vef/apps/table.hpp>
#include <vef/messages/bytes.hpp>

#include <algorithm>
#include <future>
#include <thread>

namespace vef {

namespace {

using namespace std::chrono_literals;

constexpr auto told_within = 2s; // nodes tell of their models now and then
constexpr auto look_every = 50ms;

std::string text_of(const model_key& x) { return printable(x.service + '/' + x.model); }

std::string milliseconds_text(std::chrono::microseconds x) {
  return grouped(static_cast<std::size_t>(x.count() / 1000)) + " ms";
}

// -- load ---------------------------------------------------------------------------------------------------

std::vector<std::string> holders(const cluster_status& all, const model_key& what) {
  std::vector<std::string> out;
  for (const auto& node : all.nodes)
    for (const auto& x : node.report.models)
      if (x.who == what && x.tier != tier::absent) out.push_back(node.facts.name);
  return out;
}

// Where it was placed is known when that node tells of it.
std::vector<std::string> wait_for_holders(const node_client& there, const model_key& what) {
  for (auto end = std::chrono::steady_clock::now() + told_within;;) {
    auto all = there.nodes();
    auto found = all ? holders(*all, what) : std::vector<std::string>{};
    if (!all || !found.empty() || std::chrono::steady_clock::now() > end) return found;
    std::this_thread::sleep_for(look_every);
  }
}

std::string loaded_text(const model_status& x, const std::vector<std::string>& nodes) {
  std::string where;
  for (const auto& node : nodes) where += (where.empty() ? " of " : ", ") + printable(node);
  return text_of({x.service, x.model}) + " is in memory" + where + ": " + format_bytes(x.bytes) + " in tier "
         + std::string{to_string(x.tier)} + ", loaded in " + milliseconds_text(x.load_time) + '\n';
}

// -- unload -------------------------------------------------------------------------------------------------

/// What became of a model, and where.
struct unloaded {
  std::string node;
  unload_report report;
};

bool offers(const node_view& node, const unload_request& what) {
  if (node.link == link_state::connecting) return false;
  auto all = what.service.empty() && what.model.empty();
  return all || std::ranges::any_of(node.report.catalog, [&](const catalog_entry& x) {
           return (what.service.empty() || x.service == what.service)
                  && (what.model.empty() || x.model.id == what.model);
         });
}

void add(std::vector<unloaded>& to, const std::string& node, std::vector<unload_report> reports) {
  for (auto& x : reports) to.push_back({node, std::move(x)});
}

// At all nodes at once: each may have requests to wait for.
result<std::vector<unloaded>> unload_everywhere(const node_client& there, const unload_request& what) {
  auto all = there.nodes();
  if (!all) return fail(all.error());
  using answer = result<std::vector<unload_report>>;
  std::vector<std::pair<std::string, std::future<answer>>> asked;
  for (const auto& node : all->nodes)
    if (offers(node, what))
      asked.emplace_back(node.facts.name, std::async(std::launch::async, [&there, &what, &node] {
                           return there.unload(what, node.facts.name);
                         }));
  std::vector<unloaded> out;
  for (auto& [node, coming] : asked) {
    auto reports = coming.get();
    add(out, node,
        reports ? std::move(*reports)
                : std::vector<unload_report>{
                    {.service = what.service, .model = what.model, .outcome = reports.error()}});
  }
  return out;
}

result<std::vector<unloaded>> unload(const node_client& there, const unload_options& options) {
  unload_request what{options.service, options.model,
                      options.if_idle ? unload_mode::if_idle : unload_mode::when_done};
  if (options.node.empty()) {
    auto everywhere = unload_everywhere(there, what);
    if (!everywhere || !everywhere->empty()) return everywhere;
  }
  auto reports = there.unload(what, options.node); // at no node it says what is wrong with the names
  if (!reports) return fail(reports.error());
  std::vector<unloaded> out;
  add(out, options.node, std::move(*reports));
  return out;
}

std::string unloaded_text(const std::vector<unloaded>& all) {
  if (all.empty()) return "nothing of it was in memory\n";
  table out{{{"model", column_kind::path},
             {"node", column_kind::path},
             {"from"},
             {"returned", column_kind::number},
             {"took", column_kind::number},
             {"note", column_kind::prose}}};
  for (const auto& [node, x] : all)
    out.add({text_of({x.service, x.model}), printable(node), std::string{to_string(x.from)},
             size_text(x.bytes_returned), milliseconds_text(x.took), printable(x.outcome.what)});
  return out.text();
}

json unloaded_json(const std::vector<unloaded>& all) {
  auto out = json::array();
  for (const auto& [node, x] : all) {
    json line{{"node", node}};
    line.update(to_json(x));
    out.push_back(std::move(line));
  }
  return out;
}

} // namespace

exit_code load_command(const load_options& options, const common_options& common, console& out) {
  auto there = node_client::connect(common);
  if (!there) return refuse(out, there.error());
  auto loaded = there->load({options.service, options.model}, options.node);
  if (!loaded) {
    auto code = refuse(out, loaded.error());
    return loaded.error().code == errc::load_failed ? exit_code::nothing_done : code;
  }
  auto nodes = options.node.empty() ? wait_for_holders(*there, {loaded->service, loaded->model})
                                    : std::vector{options.node};
  if (!options.as_json) return print(out, loaded_text(*loaded, nodes));
  json x{{"nodes", nodes}};
  x.update(to_json(*loaded));
  return print(out, to_page(x));
}

exit_code unload_command(const unload_options& options, const common_options& common, console& out) {
  auto there = node_client::connect(common);
  if (!there) return refuse(out, there.error());
  auto all = unload(*there, options);
  if (!all) return refuse(out, all.error());
  auto code = print(out, options.as_json ? to_page(unloaded_json(*all)) : unloaded_text(*all));
  if (code != exit_code::ok) return code;
  auto stayed = static_cast<std::size_t>(
      std::ranges::count_if(*all, [](const unloaded& x) { return bool{x.report.outcome}; }));
  return stayed == 0             ? exit_code::ok
         : stayed == all->size() ? exit_code::nothing_done
                                 : exit_code::some_failed;
}

} // namespace vef
