#include <vef/apps/interrupt.hpp>

#include <array>
#include <atomic>
#include <csignal>

#include <unistd.h>

namespace vef {

namespace {

constexpr std::array signals{SIGINT, SIGTERM, SIGHUP};

std::array<struct sigaction, signals.size()> before;
std::atomic<int> times = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler uses it");

extern "C" void on_signal(int) {
  if (times.fetch_add(1) > 0) ::_exit(130);
}

} // namespace

interrupt::interrupt() {
  times = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    ::sigaction(signals[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) ::sigaction(signals[i], &action, nullptr);
  }
}

interrupt::~interrupt() {
  for (std::size_t i = 0; i < signals.size(); ++i) ::sigaction(signals[i], &before[i], nullptr);
}

bool interrupt::requested() noexcept { return times > 0; }

} // namespace vef
