#include <vef/nodes/placement_book.hpp>

#include <algorithm>

namespace vef {

namespace {

bool fits(const model_key& known, const model_key& asked) {
  return known.model == asked.model && (asked.service.empty() || known.service == asked.service);
}

} // namespace

placement_book::placement_book(std::chrono::milliseconds limit)
    : limit_(limit) {}

void placement_book::decide(const std::string& model, const place_reply& where,
                            std::vector<device_bytes> needs, time_point now) {
  // Here, because nothing else is sure to be called for a node that never reports.
  for (auto& [node, decisions] : nodes_)
    std::erase_if(decisions, [&](const auto& x) { return x.second.until <= now; });
  std::erase_if(nodes_, [](const auto& x) { return x.second.empty(); });
  nodes_[where.node][{where.service, model}] = {where, std::move(needs), now + limit_};
}

std::optional<place_reply> placement_book::under_way(const model_key& who, time_point now) const {
  for (const auto& [node, decisions] : nodes_)
    for (const auto& [key, x] : decisions) {
      if (x.until <= now || !fits(key, who)) continue;
      auto out = x.where;
      out.joined = true;
      return out;
    }
  return {};
}

bool placement_book::loading(const std::string& node, const model_key& who, time_point now) const {
  auto decisions = nodes_.find(node);
  if (decisions == nodes_.end()) return false;
  auto found = decisions->second.find(who);
  return found != decisions->second.end() && now < found->second.until;
}

std::vector<device_bytes> placement_book::pending(const std::string& node, time_point now) const {
  std::vector<device_bytes> out;
  auto decisions = nodes_.find(node);
  if (decisions == nodes_.end()) return out;
  for (const auto& [key, x] : decisions->second) {
    if (x.until <= now) continue;
    for (const auto& need : x.needs) {
      auto known = std::ranges::find(out, need.device, &device_bytes::device);
      if (known == out.end())
        out.push_back(need);
      else
        known->bytes += need.bytes;
    }
  }
  return out;
}

void placement_book::seen(const std::string& node, const model_key& who) {
  auto decisions = nodes_.find(node);
  if (decisions == nodes_.end()) return;
  std::erase_if(decisions->second, [&](const auto& x) { return fits(x.first, who); });
}

void placement_book::refused(const std::string& node, const model_key& who) { seen(node, who); }

void placement_book::forget_node(const std::string& node) { nodes_.erase(node); }

} // namespace vef
