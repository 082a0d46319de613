#pragma once

#include <filesystem>
#include <optional>

#include <sys/types.h>

namespace vef::bench {

/// Holds a process to a share of the cores, by a control group of its own with a quota (cpu.max, or
/// cpu.cfs_quota_us of the older kind). The process is to end before the object, which removes the group.
class core_share {
public:
  /// None where this user may make no such group, or its parent passes on no processor time.
  static std::optional<core_share> give(pid_t process, double cores);

  core_share(core_share&& other) noexcept;
  core_share& operator=(core_share&&) = delete;
  ~core_share();

private:
  explicit core_share(std::filesystem::path group);
  std::filesystem::path group_; // empty: moved from
};

} // namespace vef::bench
