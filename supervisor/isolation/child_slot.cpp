#include <vef/supervisor/isolation/isolated_service.hpp>

namespace vef {

result<void> child_slot::open(child_command command, std::function<void(const child_end&)> ended) {
  std::lock_guard lock{mutex_};
  if (closed_) return fail(errc::cancelled, "the service was stopped before its process started");
  auto started = child_process::start(std::move(command), [this, ended](const child_end& how) {
    {
      std::lock_guard inner{over_mutex_};
      ended_ = true;
    }
    over_.notify_all();
    ended(how);
  });
  if (!started) return fail(started.error());
  process_ = std::move(*started);
  return {};
}

void child_slot::close(std::chrono::milliseconds patience) {
  std::unique_ptr<child_process> process;
  {
    std::lock_guard lock{mutex_};
    closed_ = true;
    process = std::move(process_);
  }
  if (!process) return;
  std::unique_lock lock{over_mutex_};
  over_.wait_for(lock, patience, [this] { return ended_; });
  lock.unlock();
  process.reset(); // ends it if it has not ended
}

void child_slot::kill() {
  std::lock_guard lock{mutex_};
  if (process_) process_->kill();
}

std::int32_t child_slot::pid() const {
  std::lock_guard lock{mutex_};
  return process_ ? process_->pid() : 0;
}

std::uint64_t child_slot::resident_bytes() const {
  std::lock_guard lock{mutex_};
  return process_ ? process_->resident_bytes() : 0;
}

} // namespace vef
