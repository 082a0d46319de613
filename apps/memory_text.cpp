#include <vef/apps/memory_text.hpp>

#include <vef/apps/sizes.hpp>
#include <vef/apps/table.hpp>
#include <vef/messages/bytes.hpp>

#include <algorithm>
#include <ctime>

namespace vef {

namespace {

std::string time_text(timestamp when) {
  if (when == timestamp{}) return "-";
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count();
  std::time_t t = seconds;
  std::tm local{};
  ::localtime_r(&t, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local);
  return text;
}

table devices(const memory_status& x) {
  constexpr auto number = column_kind::number;
  table out{{{"memory of"},
             {"budget", number},
             {"reserved", number},
             {"models", number},
             {"working", number},
             {"free", number},
             {"in use", number},
             {"pressure"}}};
  for (const auto& d : x.devices)
    out.add({d.device, format_bytes(d.capacity), size_text(d.reserved), size_text(d.resident),
             size_text(d.working), size_text(d.room),
             d.reading.total == 0 ? "-" : format_share(d.reading.used()),
             std::string{to_string(d.pressure)}});
  return out;
}

table holdings(const memory_status& x) {
  constexpr auto number = column_kind::number;
  table out{{{"model"},
             {"on"},
             {"tier"},
             {"reserved", number},
             {"weights", number},
             {"working", number},
             {"state"}}};
  for (const auto& d : x.devices)
    for (const auto& h : d.holdings)
      out.add({h.who.service + '/' + h.who.model, d.device, std::string{to_string(h.tier)},
               size_text(h.reserved), size_text(h.resident), size_text(h.working),
               std::string{h.leased ? "in use" : "idle"} + (h.pinned ? ", pinned" : "")});
  return out;
}

table usage(const memory_status& x) {
  constexpr auto number = column_kind::number;
  table out{{{"model"},
             {"requests", number},
             {"pictures", number},
             {"loads", number},
             {"load", number},
             {"needs", number},
             {"last used"}}};
  for (const auto& u : x.usage) {
    std::uint64_t bytes = 0;
    for (const auto& line : u.tiers) bytes = std::max(bytes, line.bytes);
    out.add({u.who.service + '/' + u.who.model, grouped(u.requests), grouped(u.images), grouped(u.loads),
             std::to_string(u.load_time.count() / 1000) + " ms", size_text(bytes), time_text(u.last_used)});
  }
  return out;
}

table gone(const memory_status& x) {
  table out{{{"model"}, {"went"}, {"returned", column_kind::number}, {"why", column_kind::prose}}};
  for (const auto& r : x.recent)
    out.add({r.service + '/' + r.model, std::string{to_string(r.from)} + " > " + std::string{to_string(r.to)},
             format_bytes(r.bytes_returned),
             r.outcome       ? r.outcome.what
             : r.why.empty() ? "asked to"
                             : r.why});
  return out;
}

} // namespace

std::string memory_text(const memory_status& x) {
  return titled("Memory", devices(x)) + titled("Models in memory", holdings(x))
         + titled("Models used so far", usage(x)) + titled("Models that went last", gone(x));
}

} // namespace vef
