#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace vef {

/// Work that blocks or computes, and so must stay away from the scheduler's threads. It must not throw; it
/// says that it is done by a message to whoever waits. `threads` is the number of cores that it has for
/// itself.
using work_item = std::function<void(unsigned threads)>;

/// Where jobs run. Tests put one in that runs them when told.
class executor {
public:
  virtual ~executor() = default;

  /// Runs the job some time, after those submitted before. Never blocks. Callers bound what they submit.
  virtual void submit(work_item work) = 0;

  /// How many jobs run at once.
  virtual unsigned width() const = 0;
};

/// Threads that run jobs. An idle pool gives one job all of its cores; a busy one runs a job per core:
/// whoever starts is given cores / (jobs running or waiting), at least one.
///
/// The destructor drops what waits and lets what runs finish, but for no longer than `patience`: a thread
/// that is stuck in foreign code can't be killed, so it is left behind with what it holds.
class worker_pool final : public executor {
public:
  /// `lingering`: how long a thread that has worked stays awake for more.
  worker_pool(std::string name, unsigned width, unsigned cores,
              std::chrono::milliseconds patience = std::chrono::seconds{10},
              std::chrono::microseconds lingering = {});
  ~worker_pool() override;
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  void submit(work_item work) override;
  unsigned width() const override { return width_; }

  /// How many jobs run now.
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
};

/// How many of each; 0 takes what suits the machine.
struct worker_counts {
  unsigned cores = 0;     ///< that forward passes may use together; 0: all
  unsigned lanes = 0;     ///< forward passes at once; 0: as many as cores
  unsigned preparers = 0; ///< 0: as many as cores
  unsigned loaders = 3;   ///< one more than loads at once, so that an unload need not wait for a load
};

workers make_workers(worker_counts counts = {});

} // namespace vef
