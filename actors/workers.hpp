#pragma once

#include <vef/messages/status.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace vef {

/// Work that blocks or computes, and so must stay away from the scheduler's threads. It must not throw; it
/// says that it is done by a message to whoever waits. `threads` is the number of cores that it has for
/// itself.
using work_item = std::function<void(unsigned threads)>;

/// Where jobs run. Tests put one in that runs them when told.
class executor {
public:
  /// A job's number, never 0 and never used again.
  using job_id = std::uint64_t;

  virtual ~executor() = default;

  /// Runs the job some time, after those submitted before. Never blocks. Callers bound what they submit.
  /// 0 if it was dropped because the pool is ending.
  virtual job_id submit(work_item work) = 0;

  /// How many jobs run at once.
  virtual unsigned width() const = 0;

  /// How long a job has been running, also in a thread that was given up; nothing while it waits and after
  /// its end.
  virtual std::optional<std::chrono::milliseconds> running_for(job_id job) const = 0;

  /// Gives up the thread that is stuck in this job and puts another in its place. The thread ends by itself
  /// if the job ever returns. False if the job does not run now, or was retired before.
  virtual bool retire(job_id job) = 0;

  virtual worker_status status() const = 0;
};

/// Threads that run jobs. An idle pool gives one job all of its cores; a busy one runs a job per core:
/// whoever starts is given cores / (jobs running or waiting), at least one.
///
/// A thread that is stuck in foreign code can't be killed. Whoever notices has it retired: another takes its
/// place at once, it counts as stuck until its job returns, and takes no further one. If the machine gives no
/// other thread, the pool goes on with fewer and tries again with the next job.
///
/// The destructor drops what waits and lets what runs finish, but for no longer than `patience`, and waits
/// not at all for what was retired: threads that are stuck are left behind with what they hold.
class worker_pool final : public executor {
public:
  /// `lingering`: how long a thread that has worked stays awake for more.
  worker_pool(std::string name, unsigned width, unsigned cores,
              std::chrono::milliseconds patience = std::chrono::seconds{10},
              std::chrono::microseconds lingering = {});
  ~worker_pool() override;
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  job_id submit(work_item work) override;
  unsigned width() const override { return width_; }
  std::optional<std::chrono::milliseconds> running_for(job_id job) const override;
  bool retire(job_id job) override;
  worker_status status() const override;

  /// How many jobs run now, without those that were retired.
  unsigned running() const;

private:
  struct core;
  std::shared_ptr<core> core_;
  unsigned width_;
  std::chrono::milliseconds patience_;
};

/// The workers of a node, shared by all of its services.
struct workers {
  std::shared_ptr<executor> lanes;      ///< forward passes
  std::shared_ptr<executor> preparers;  ///< decoding and resizing
  std::shared_ptr<executor> loaders;    ///< loading and unloading
  std::shared_ptr<executor> background; ///< what blocks for a moment: small files, what the kernel says
  std::shared_ptr<executor> checkers;   ///< what backends say of their health
};

/// How many of each; 0 takes what suits the machine.
struct worker_counts {
  unsigned cores = 0;     ///< that forward passes may use together; 0: all
  unsigned lanes = 0;     ///< forward passes at once; 0: as many as cores
  unsigned preparers = 0; ///< 0: as many as cores
  unsigned loaders = 3;   ///< one more than loads at once, so that an unload need not wait for a load

  static constexpr std::string_view type_name = "vef::worker_counts";
  static constexpr auto fields() {
    return std::tuple{field{"cores", &worker_counts::cores}, field{"lanes", &worker_counts::lanes},
                      field{"preparers", &worker_counts::preparers},
                      field{"loaders", &worker_counts::loaders}};
  }
};

workers make_workers(worker_counts counts = {});

} // namespace vef
