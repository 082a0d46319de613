#include <vef/actors/memory_probe.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <utility>

#include <unistd.h>

namespace vef {

namespace {

/// What one limit leaves, of how much. The less, the tighter it is.
struct room {
  std::uint64_t available = 0;
  std::uint64_t total = 0;

  auto operator<=>(const room&) const = default;
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in{file};
  std::string text;
  std::getline(in, text, '\0'); // unlike an iterator, it does not throw for a folder
  return text;
}

std::optional<std::uint64_t> number(std::string_view word) {
  std::uint64_t x = 0;
  auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), x);
  if (problem != std::errc{} || end != word.data() + word.size()) return {};
  return x;
}

/// The number after a word at the beginning of a line.
std::optional<std::uint64_t> number_after(const std::string& key, const std::string& text) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string name, value;
    if (words >> name >> value && name == key) return number(value);
  }
  return {};
}

std::optional<std::uint64_t> times(std::optional<std::uint64_t> x, std::uint64_t unit) {
  if (!x || *x > std::numeric_limits<std::uint64_t>::max() / unit) return {};
  return *x * unit;
}

std::uint64_t page_size() {
  auto bytes = sysconf(_SC_PAGESIZE);
  return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 4096;
}

std::uint64_t resident(const std::filesystem::path& proc) {
  std::istringstream words{text_of(proc / "self/statm")};
  std::string size, pages;
  return words >> size >> pages ? times(number(pages), page_size()).value_or(0) : 0;
}

std::optional<room> of_machine(const std::filesystem::path& proc) {
  auto text = text_of(proc / "meminfo");
  auto total = times(number_after("MemTotal:", text), 1024);
  auto available = times(number_after("MemAvailable:", text), 1024);
  if (!total || !available || *total == 0) return {};
  return room{std::min(*available, *total), *total};
}

/// The limit in one of a group's files; "max" is none.
std::optional<std::uint64_t> limit_in(const std::filesystem::path& file) {
  std::istringstream words{text_of(file)};
  std::string word;
  auto limit = words >> word ? number(word) : std::nullopt;
  // A limit of nothing must not read as a memory of which nothing is known.
  return limit ? std::max(*limit, page_size()) : limit;
}

std::optional<room> of_group(const std::filesystem::path& group, std::uint64_t ours) {
  auto max = limit_in(group / "memory.max");
  auto high = limit_in(group / "memory.high"); // above it the kernel makes the group wait: as good as an end
  if (!max && !high) return {};
  constexpr auto none = std::numeric_limits<std::uint64_t>::max();
  auto limit = std::min(max.value_or(none), high.value_or(none));

  std::istringstream words{text_of(group / "memory.current")};
  std::string word;
  auto charged = words >> word ? number(word) : std::nullopt;
  auto used = charged.value_or(ours); // at least that, and a limit without it would promise too much
  if (charged) {
    auto stat = text_of(group / "memory.stat");
    used -= std::min(used, number_after("inactive_file", stat).value_or(0));
    used -= std::min(used, number_after("slab_reclaimable", stat).value_or(0));
  }
  return room{limit - std::min(limit, used), limit};
}

std::optional<double> stalled_in(const std::filesystem::path& file) {
  std::istringstream words{text_of(file)};
  std::string kind, average;
  if (!(words >> kind >> average) || kind != "some" || !average.starts_with("avg10=")) return {};
  double percent = 0;
  auto last = average.data() + average.size();
  auto [end, problem] = std::from_chars(average.data() + 6, last, percent, std::chars_format::fixed);
  if (problem != std::errc{} || end != last || !(percent >= 0 && percent <= 100)) return {};
  return percent / 100;
}

} // namespace

std::filesystem::path own_group(const kernel_files& files) {
  std::istringstream lines{text_of(files.proc / "self/cgroup")};
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::/")) continue; // a hierarchy of version 1
    auto group = std::filesystem::path{line.substr(4)}.relative_path();
    // "/../other" is what a process sees that was moved out of its namespace.
    auto outside = std::ranges::find(group, "..") != group.end();
    std::error_code none;
    if (!outside && std::filesystem::is_directory(files.cgroup / group, none)) return group;
  }
  return {};
}

memory_probe::memory_probe(kernel_files files)
    : files_(std::move(files))
    , group_(own_group(files_)) {}

result<device_reading> memory_probe::read() const {
  device_reading x;
  x.ours = resident(files_.proc);
  const auto machine = of_machine(files_.proc);
  auto tightest = machine;
  for (auto level = group_;; level = level.parent_path()) {
    auto group = of_group(files_.cgroup / level, x.ours);
    if (group && machine) group->available = std::min(group->available, machine->available);
    auto binds = group && !(machine && group->total >= machine->total);
    if (binds && (!tightest || *group < *tightest)) tightest = group;
    if (level.empty()) break;
  }
  if (!tightest)
    return fail(errc::unavailable, "neither " + vef::quoted((files_.proc / "meminfo").string())
                                       + " nor a control group says how much memory there is");
  x.total = tightest->total;
  x.available = tightest->available;
  auto stalled = stalled_in(files_.cgroup / group_ / "memory.pressure");
  if (!stalled) stalled = stalled_in(files_.proc / "pressure/memory");
  x.stalled = stalled.value_or(0);
  return x;
}

memory_probe::events memory_probe::read_events() const {
  auto text = text_of(files_.cgroup / group_ / "memory.events");
  auto count = [&](const char* key) { return number_after(key, text).value_or(0); };
  return {count("high"), count("max"), count("oom_kill")};
}

} // namespace vef
