#pragma once

#include <vef/apps/progress.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace vef {

/// How far a download is.
struct pull_facts {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  double rate = 0; ///< bytes a second; 0: not known yet
};

/// "[=====>    ]  45 %  260 MiB of 577 MiB  12.5 MiB/s  25.4 s left", in at most `width` columns.
std::string pull_bar(const pull_facts& x, std::size_t width);

/// Shows a download of several files: a bar on a terminal, a line for each file that is complete elsewhere,
/// nothing if quiet. Safe to use from many threads.
class pull_progress {
public:
  using time_point = rate_meter::time_point;

  pull_progress(console& where, bool quiet)
      : where_(where)
      , quiet_(quiet) {}
  ~pull_progress() { where_.show({}); }

  /// So many bytes of a file are there.
  void update(const std::string& file, std::uint64_t done, std::uint64_t total, time_point now);

  /// Draws the bar again where nothing has come for a while.
  void tick(time_point now);

private:
  struct file {
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    bool told = false;
  };

  void draw(time_point now);

  console& where_;
  bool quiet_;
  std::mutex mutex_;
  std::map<std::string, file> files_;
  std::uint64_t arrived_ = 0; ///< over the network
  rate_meter meter_;
  time_point next_{};
};

} // namespace vef
