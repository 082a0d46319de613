#include "bench/core_share.hpp"

#include <vef/backends/descriptor.hpp>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace vef::bench {

namespace fs = std::filesystem;

namespace {

// Short, so that a node that has used up its share stands still for some milliseconds and not for a tenth of
// a second: nobody's slower machine does that.
constexpr long period = 10'000; // microseconds

/// A group in which others can be made.
struct parent_group {
  fs::path path;
  bool newer = false; ///< of version 2
};

// Lines of /proc/self/cgroup are "0::/PATH" of version 2, and "NUMBER:CONTROLLER,...:/PATH" of version 1.
std::vector<parent_group> parents() {
  std::vector<parent_group> out;
  std::ifstream in{"/proc/self/cgroup"};
  for (std::string line; std::getline(in, line);) {
    auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    auto controllers = line.substr(first + 1, second - first - 1);
    auto path = fs::path{line.substr(second + 1)}.relative_path();
    fs::path root = "/sys/fs/cgroup";
    if (controllers.empty()) {
      // A group that holds processes can't divide what it has among groups of its own, but its parent can.
      out.push_back({root / path.parent_path(), true});
      out.push_back({root / path, true});
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      out.push_back({root / controllers / path, false});
    }
  }
  return out;
}

bool write(const fs::path& file, const std::string& text) {
  descriptor to{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
  return to && ::write(to.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool set_quota(const fs::path& group, bool newer, double cores) {
  auto quota = std::to_string(std::lround(cores * static_cast<double>(period)));
  if (newer) return write(group / "cpu.max", quota + ' ' + std::to_string(period));
  return write(group / "cpu.cfs_period_us", std::to_string(period))
         && write(group / "cpu.cfs_quota_us", quota);
}

} // namespace

std::optional<core_share> core_share::give(pid_t process, double cores) {
  auto name = "vef-bench-" + std::to_string(process);
  for (const auto& parent : parents()) {
    std::error_code refused;
    if (!fs::create_directory(parent.path / name, refused)) continue;
    core_share out{parent.path / name};
    if (set_quota(out.group_, parent.newer, cores)
        && write(out.group_ / "cgroup.procs", std::to_string(process)))
      return out;
  }
  return std::nullopt;
}

core_share::core_share(fs::path group)
    : group_(std::move(group)) {}

core_share::core_share(core_share&& other) noexcept
    : group_(std::exchange(other.group_, {})) {}

core_share::~core_share() {
  std::error_code none;
  if (!group_.empty()) fs::remove(group_, none); // the kernel's own files in it go with it
}

} // namespace vef::bench
