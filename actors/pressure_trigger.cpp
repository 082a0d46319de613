#include <vef/actors/pressure_trigger.hpp>

#include <vef/backends/descriptor.hpp>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace vef {

namespace {

std::string reason() { return std::generic_category().message(errno); }

/// The trigger lives as long as its file is open.
result<descriptor> watch(const std::filesystem::path& file, const std::string& trigger) {
  descriptor opened{::open(file.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
  // The kernel puts its own end over the last byte, so that has to be the NUL.
  auto size = trigger.size() + 1;
  if (!opened || ::write(opened.number(), trigger.c_str(), size) != static_cast<ssize_t>(size))
    return fail(errc::unavailable, vef::quoted(file.string()) + ": " + reason());
  return opened;
}

} // namespace

struct pressure_trigger::state {
  std::filesystem::path file;
  descriptor stalls;
  descriptor stop;
  std::function<void()> on_stall;
  std::thread thread;

  void run() const {
    pollfd both[] = {{stalls.number(), POLLPRI, 0}, {stop.number(), POLLIN, 0}};
    for (;;) {
      if (::poll(both, 2, -1) < 0) {
        if (errno == EINTR) continue;
        return give_up(reason());
      }
      if (both[1].revents != 0) return;
      // The control group was removed: from now on the file is always ready.
      if ((both[0].revents & ~POLLPRI) != 0) return give_up("it is gone");
      call();
    }
  }

  void call() const noexcept {
    try {
      on_stall();
    } catch (...) {
      // It may have found no memory, of all things; the regular look has to do.
    }
  }

  void give_up(const std::string& why) const {
    spdlog::warn("stalls for want of memory are no longer told by {}: {}", vef::quoted(file.string()), why);
  }
};

result<std::unique_ptr<pressure_trigger>> pressure_trigger::open(std::function<void()> on_stall,
                                                                 kernel_files files,
                                                                 std::chrono::microseconds stall,
                                                                 std::chrono::microseconds window) {
  auto made = std::make_unique<state>();
  made->on_stall = std::move(on_stall);
  auto trigger = "some " + std::to_string(stall.count()) + ' ' + std::to_string(window.count());
  made->file = files.cgroup / own_group(files) / "memory.pressure";
  auto stalls = watch(made->file, trigger);
  if (!stalls) {
    // A container may see its group's file and not be allowed to write it.
    auto first = stalls.error().what;
    made->file = files.proc / "pressure/memory";
    stalls = watch(made->file, trigger);
    if (!stalls)
      return fail(errc::unavailable, "cannot watch for stalls: " + first + "; " + stalls.error().what);
  }
  made->stalls = std::move(*stalls);
  made->stop = descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!made->stop) return fail(errc::unavailable, "cannot watch for stalls: " + reason());
  try {
    made->thread = std::thread{[x = made.get()] { x->run(); }};
  } catch (const std::system_error& e) {
    return fail(errc::unavailable, "cannot start a thread to watch for stalls: " + e.code().message());
  }
  pthread_setname_np(made->thread.native_handle(), "vef-pressure");
  return std::unique_ptr<pressure_trigger>{new pressure_trigger{std::move(made)}};
}

pressure_trigger::pressure_trigger(std::unique_ptr<state> x)
    : state_(std::move(x)) {}

pressure_trigger::~pressure_trigger() {
  ::eventfd_write(state_->stop.number(), 1);
  state_->thread.join();
}

} // namespace vef
