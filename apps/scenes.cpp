#include <vef/apps/scenes.hpp>

#include <algorithm>
#include <numeric>

namespace vef {

namespace {

// Of the distance to the closest neighbour, how much further others of the scene may be.
constexpr float slack = 2.0f;
constexpr float least_slack = 0.05f;

} // namespace

std::vector<std::size_t> closest_scenes(const std::vector<std::vector<match>>& neighbours, std::size_t n) {
  std::vector<std::size_t> order(neighbours.size()), out;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return neighbours[i].empty(); });
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](std::size_t i) { return neighbours[i][0].similarity; });
  std::vector<bool> shown(neighbours.size());
  for (auto i : order) {
    if (out.size() == n) break;
    if (shown[i]) continue;
    out.push_back(i);
    auto distance = 1 - neighbours[i][0].similarity;
    for (const auto& x : neighbours[i])
      if (1 - x.similarity <= std::max(distance * slack, least_slack)) shown[x.row] = true;
  }
  return out;
}

std::string common_folder(const std::vector<std::string>& paths) {
  if (paths.empty()) return {};
  auto common = paths.front();
  for (const auto& path : paths)
    common.resize(static_cast<std::size_t>(std::ranges::mismatch(common, path).in1 - common.begin()));
  return common.substr(0, common.rfind('/') + 1);
}

} // namespace vef
