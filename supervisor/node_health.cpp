#include <vef/supervisor/node_health.hpp>

namespace vef {

namespace {

using texts = std::vector<std::string>;

std::string join(const texts& xs, const char* between) {
  std::string out;
  for (const auto& x : xs) out += (out.empty() ? "" : between) + x;
  return out;
}

std::uint64_t stuck_threads(const std::vector<worker_status>& workers) {
  std::uint64_t sum = 0;
  for (const auto& x : workers) sum += x.stuck;
  return sum;
}

std::string stuck_text(const std::vector<worker_status>& workers) {
  texts shares;
  for (const auto& x : workers)
    if (x.stuck > 0) shares.push_back(std::to_string(x.stuck) + " of " + x.name);
  auto sum = stuck_threads(workers);
  return std::to_string(sum) + (sum == 1 ? " thread is" : " threads are") + " stuck in foreign code ("
         + join(shares, ", ") + ")";
}

} // namespace

std::pair<health, std::string> judge_node(const health_facts& x) {
  texts starting, broken;
  auto some_ready = false;
  for (const auto& [name, report] : x.services) {
    some_ready = some_ready || ready(report.state);
    if (report.state == health::starting) starting.push_back(quoted(name));
    if (report.state == health::unhealthy || report.state == health::failed)
      broken.push_back(quoted(name) + " is " + std::string{to_string(report.state)});
  }

  texts grave, slight;
  auto stuck = stuck_threads(x.workers);
  if (stuck > x.most_stuck)
    grave.push_back(stuck_text(x.workers) + ": restart this process");
  else if (stuck > 0)
    slight.push_back(stuck_text(x.workers));
  if (!broken.empty() && !some_ready && starting.empty())
    grave.push_back("no service is ready: " + join(broken, ", "));
  else if (!broken.empty())
    slight.push_back("service " + join(broken, ", "));

  if (!grave.empty()) return {health::unhealthy, join(grave, "; ")};
  if (!some_ready && !starting.empty()) {
    slight.insert(slight.begin(), "waits for the start of " + join(starting, ", "));
    return {health::starting, join(slight, "; ")};
  }
  if (!slight.empty()) return {health::degraded, join(slight, "; ")};
  return {health::healthy, {}};
}

} // namespace vef
