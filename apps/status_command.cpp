#include <vef/apps/status_command.hpp>

#include <vef/apps/interrupt.hpp>
#include <vef/apps/json.hpp>
#include <vef/apps/memory_text.hpp>
#include <vef/apps/session.hpp>
#include <vef/apps/sizes.hpp>
#include <vef/apps/table.hpp>

#include <algorithm>
#include <chrono>
#include <thread>

#include <unistd.h>

namespace vef {

namespace {

std::string ago(timestamp when) {
  if (when == timestamp{}) return "-";
  auto span =
      std::chrono::system_clock::now() - std::chrono::system_clock::time_point{when.time_since_epoch()};
  return format_duration(std::max(0.0, std::chrono::duration<double>(span).count()));
}

std::string with_reason(const health_report& x) {
  auto text = std::string{to_string(x.state)};
  return x.reason.empty() ? text : text + ": " + x.reason;
}

// What stands beside the health: why a service is where it is, unless the health has said so already.
std::string note_of(const service_status& x) {
  if (!x.health.reason.empty()) return x.health.reason;
  if (x.reason) return x.reason.what;
  return x.pid > 0 ? "process " + std::to_string(x.pid) : std::string{};
}

table services_table(const node_status& x) {
  table rows{{{"service"},
              {"backend"},
              {"state"},
              {"health"},
              {"since", column_kind::number},
              {"checked", column_kind::number},
              {"restarts", column_kind::number},
              {"models", column_kind::number},
              {"note", column_kind::prose}}};
  for (const auto& s : x.services)
    rows.add({s.name, s.backend, std::string{to_string(s.state)}, std::string{to_string(s.health.state)},
              ago(s.since), ago(s.checked_at), std::to_string(s.restarts), std::to_string(s.catalog.size()),
              note_of(s)});
  return rows;
}

table models_table(const node_status& x) {
  table rows{{{"model"},
              {"service"},
              {"state"},
              {"health"},
              {"queued", column_kind::number},
              {"oldest", column_kind::number},
              {"done", column_kind::number},
              {"failed", column_kind::number},
              {"note", column_kind::prose}}};
  for (const auto& s : x.services)
    for (const auto& m : s.models)
      rows.add({m.model, s.name, std::string{to_string(m.state)}, std::string{to_string(m.health.state)},
                std::to_string(m.queued),
                format_duration(static_cast<double>(m.oldest_queued.count()) / 1000), grouped(m.images),
                grouped(m.failures), m.last_error.what});
  return rows;
}

table workers_table(const node_status& x) {
  table rows{{{"threads"},
              {"number", column_kind::number},
              {"busy", column_kind::number},
              {"waiting", column_kind::number},
              {"stuck", column_kind::number},
              {"ever stuck", column_kind::number}}};
  for (const auto& w : x.workers)
    rows.add({w.name, std::to_string(w.threads), std::to_string(w.running), std::to_string(w.waiting),
              std::to_string(w.stuck), std::to_string(w.retired)});
  return rows;
}

table backends_table(const node_status& x) {
  table rows{{{"backend"}, {"version"}, {"description", column_kind::prose}}};
  for (const auto& b : x.backends) rows.add({b.name, b.version, b.description});
  return rows;
}

// The machine, or the nodes of which one has answered.
std::string where_of(const common_options& common) {
  if (common.nodes.empty())
    return "on " + count(std::thread::hardware_concurrency(), "core") + ", " + format_bytes(machine_memory())
           + " of memory";
  std::string out;
  for (const auto& x : common.nodes) out += (out.empty() ? "at " : " or ") + printable(x);
  return out;
}

result<std::string> page(vef::runtime& runtime, const status_options& options, const common_options& common,
                         bool& ready_now) {
  auto status = runtime.status();
  if (!status) return fail(status.error());
  ready_now = ready(status->health.state);
  if (!options.as_json) return status_text(*status, where_of(common));
  auto x = to_json(*status);
  if (common.nodes.empty())
    x["machine"] = {{"cores", std::thread::hardware_concurrency()}, {"memory", machine_memory()}};
  return options.watch ? to_line(x) + '\n' : to_page(x);
}

void pause(double seconds) {
  auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!interrupt::requested() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
}

} // namespace

std::string status_text(const node_status& x, const std::string& where) {
  auto models = models_table(x);
  return "vef " + x.version + ' ' + where + "; " + with_reason(x.health) + "\n\n"
         + titled("Backends", backends_table(x)) + titled("Services", services_table(x))
         + (models.empty() ? std::string{} : titled("Models in use", models))
         + titled("Threads", workers_table(x)) + memory_text(x.memory);
}

exit_code status_command(const status_options& options, const common_options& common, console& out) {
  interrupt signals;
  auto opened = session::open(common);
  if (!opened) return refuse(out, opened.error());
  auto clear = options.watch && !options.as_json && ::isatty(STDOUT_FILENO) == 1;
  auto ready_now = false;
  for (;;) {
    auto text = page(opened->runtime(), options, common, ready_now);
    if (!text) {
      complain(out, text.error());
      return exit_code::nothing_done;
    }
    if (auto written = print(out, (clear ? "\x1b[H\x1b[2J" : "") + *text); written != exit_code::ok)
      return written;
    if (!options.watch) break;
    pause(options.interval);
    if (interrupt::requested()) break;
  }
  return ready_now ? exit_code::ok : exit_code::nothing_done;
}

} // namespace vef
