#include <vef/backends/hub/crew.hpp>

#include <vef/backends/guard.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>

namespace vef {

crew::crew(unsigned size, hub_access access, std::stop_token stop)
    : from_outside_(std::move(stop), [this] { stopping_.request_stop(); }) {
  for (unsigned i = 0; i < std::max(size, 1u); ++i)
    clients_.push_back(std::make_unique<hub_client>(access, stopping_.get_token()));
}

result<void> crew::run(std::size_t n, const job& work) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  error first;
  auto labour = [&](hub_client& client) {
    for (std::size_t i; !stopping_.stop_requested() && (i = next++) < n;) {
      auto done = guarded(errc::internal, "downloading", [&] { return work(i, client); });
      if (done) continue;
      std::lock_guard lock{mutex};
      if (!first) first = done.error();
      stopping_.request_stop();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(n, clients_.size()); ++i) {
      try {
        others.emplace_back([&labour, &client = *clients_[i]] { labour(client); });
      } catch (const std::system_error&) {
        break; // fewer do it as well
      }
    }
    labour(*clients_[0]);
  }
  if (first) return fail(first);
  if (stopping_.stop_requested()) return fail(errc::cancelled, "stopped");
  return {};
}

} // namespace vef
