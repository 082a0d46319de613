#pragma once

#include <vef/backends/hub/hub_client.hpp>

#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

namespace vef {

/// Threads that share some work, each with a client of its own, whose connections stay open from one piece of
/// work to the next.
class crew {
public:
  using job = std::function<result<void>(std::size_t i, hub_client& client)>;

  /// `stop` ends the work under way; a job that fails does that as well.
  crew(unsigned size, hub_access access, std::stop_token stop);

  /// For the jobs themselves.
  std::stop_token stop() const { return stopping_.get_token(); }

  /// Does the jobs 0 to n - 1, on the caller's thread and others, and waits for all that were begun. The
  /// error of the job that failed first.
  result<void> run(std::size_t n, const job& work);

private:
  std::stop_source stopping_;
  std::stop_callback<std::function<void()>> from_outside_;
  std::vector<std::unique_ptr<hub_client>> clients_;
};

} // namespace vef
