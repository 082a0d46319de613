#include <vef/actors/memory_monitor.hpp>

#include <vef/actors/pressure_trigger.hpp>
#include <vef/backends/guard.hpp>

#include <caf/stateful_actor.hpp>
#include <spdlog/spdlog.h>

#include <atomic>

namespace vef {

// -- devices ------------------------------------------------------------------------------------------------

void device_sources::add(const std::shared_ptr<backend>& x) {
  std::lock_guard lock{mutex_};
  std::erase_if(sources_, [](const auto& one) { return one.expired(); });
  sources_.push_back(x);
}

std::vector<device_reading> device_sources::read() const {
  std::vector<std::shared_ptr<backend>> alive;
  {
    std::lock_guard lock{mutex_};
    for (const auto& x : sources_)
      if (auto here = x.lock()) alive.push_back(std::move(here));
  }
  std::vector<device_reading> out;
  for (const auto& x : alive) {
    auto readings = guarded(errc::internal, "cannot read the memory of devices",
                            [&]() -> result<std::vector<device_reading>> { return x->devices(); });
    if (!readings) continue;
    for (auto& one : *readings) // two services may use one device
      if (std::ranges::find(out, one.device, &device_reading::device) == out.end())
        out.push_back(std::move(one));
  }
  return out;
}

void device_sources::count_as_ours(std::function<std::uint64_t()> resident_bytes) {
  std::lock_guard lock{mutex_};
  elsewhere_ = std::move(resident_bytes);
}

std::uint64_t device_sources::ours_elsewhere() const {
  std::function<std::uint64_t()> ask;
  {
    std::lock_guard lock{mutex_};
    ask = elsewhere_;
  }
  return ask ? ask() : 0;
}

// -- the actor ----------------------------------------------------------------------------------------------

namespace {

/// One look at a time: a driver that hangs must not fill the queue of whoever reads.
struct shared_state {
  explicit shared_state(const kernel_files& files)
      : probe(files) {}
  memory_probe probe;
  std::atomic<bool> looking = false;
  std::atomic<std::uint64_t> oom_kills = 0;
};

class monitor_machine {
public:
  using interface = monitor_actor;
  static inline const char* name = "vef.memory-monitor";

  explicit monitor_machine(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(monitor_setup setup) {
    setup_ = std::move(setup);
    shared_ = std::make_shared<shared_state>(setup_.options.files);
    shared_->oom_kills = shared_->probe.read_events().oom_kill;
    if (setup_.options.trigger) open_trigger();
    look();
    self_->delayed_send(self_, setup_.options.interval, expire_atom_v);
    return {
        [this](expire_atom) {
          look();
          self_->delayed_send(self_, setup_.options.interval, expire_atom_v);
        },
        [this](pressure_atom) { look(); },
    };
  }

private:
  void open_trigger() {
    auto told = caf::actor_cast<interface>(self_);
    auto opened = pressure_trigger::open(
        [weak = caf::actor_cast<caf::weak_actor_ptr>(told)] {
          if (auto alive = caf::actor_cast<caf::strong_actor_ptr>(weak))
            caf::anon_send(caf::actor_cast<interface>(alive), pressure_atom_v);
        },
        setup_.options.files);
    if (opened)
      trigger_ = std::move(*opened);
    else
      spdlog::debug("memory is looked at every {} ms only: {}", setup_.options.interval.count(),
                    opened.error().what);
  }

  void look() {
    if (shared_->looking.exchange(true)) return;
    setup_.reader->submit([shared = shared_, devices = setup_.devices, governor = setup_.governor](unsigned) {
      std::vector<device_reading> readings;
      if (auto host = shared->probe.read()) {
        if (devices) host->ours += devices->ours_elsewhere();
        readings.push_back(std::move(*host));
      }
      if (devices)
        for (auto& x : devices->read()) readings.push_back(std::move(x));
      auto kills = shared->probe.read_events().oom_kill;
      if (auto before = shared->oom_kills.exchange(kills); kills > before)
        spdlog::error("the kernel killed {} processes of this control group for want of memory: lower the "
                      "memory budget",
                      kills - before);
      shared->looking = false;
      if (!readings.empty()) caf::anon_send(governor, pressure_atom_v, std::move(readings));
    });
  }

  interface::pointer self_;
  monitor_setup setup_;
  std::shared_ptr<shared_state> shared_;
  std::unique_ptr<pressure_trigger> trigger_;
};

} // namespace

monitor_actor spawn_memory_monitor(caf::actor_system& system, monitor_setup setup) {
  return spawn_state<monitor_machine>(system, std::move(setup));
}

} // namespace vef
