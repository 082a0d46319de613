#include <vef/backends/hub/retries.hpp>

#include <algorithm>

namespace vef {

std::optional<std::chrono::milliseconds> retries::after_failure(bool progressed) {
  in_a_row_ = progressed ? 1 : in_a_row_ + 1;
  if (++all_ >= limits_.in_all || in_a_row_ >= limits_.in_a_row) return {};
  auto doublings = std::min(in_a_row_ - 1, 16u);
  auto whole = std::min(limits_.first * (1 << doublings), limits_.longest).count();
  std::uniform_real_distribution<double> share{0.5, 1.0};
  return std::chrono::milliseconds{static_cast<std::int64_t>(static_cast<double>(whole) * share(random_))};
}

std::optional<std::chrono::milliseconds> retries::after_request_to_wait(std::chrono::seconds wait) {
  ++all_;
  told_ += std::max(wait, std::chrono::seconds{1});
  if (told_ > limits_.told || all_ >= limits_.in_all) return {};
  return wait;
}

} // namespace vef
