#pragma once

#include <vef/messages/memory.hpp>

#include <filesystem>

namespace vef {

/// Where the kernel's files are. Tests replay captured ones.
struct kernel_files {
  std::filesystem::path proc = "/proc";
  std::filesystem::path cgroup = "/sys/fs/cgroup";
};

/// This process's own control group (version 2), relative to `files.cgroup`. Empty, which is the root of what
/// is mounted, if its path is not to be seen from here: a container may know only a path of the host's.
std::filesystem::path own_group(const kernel_files& files);

/// Reads what the kernel says of this process's memory: MemTotal and MemAvailable of the machine, and the
/// limits of every control group (version 2) from its own up to the root. The tightest counts: the one that
/// leaves the fewest bytes, and of equals the one with the lowest limit.
///
/// https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
/// https://docs.kernel.org/accounting/psi.html
class memory_probe {
public:
  explicit memory_probe(kernel_files files = {});

  /// The memory "host". A file that is missing or makes no sense is left out of account. Errors: unavailable
  /// if nothing says how much memory there is and how much of it is left.
  result<device_reading> read() const;

  /// How often the kernel killed or throttled somebody in this process's control group for want of memory
  /// (`oom_kill`, `high` and `max` of memory.events); 0 where there is none.
  struct events {
    std::uint64_t high = 0;
    std::uint64_t max = 0;
    std::uint64_t oom_kill = 0;
  };
  events read_events() const;

private:
  kernel_files files_;
  std::filesystem::path group_; ///< this process's own control group, relative to `files_.cgroup`
};

} // namespace vef
