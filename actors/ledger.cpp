#include <vef/actors/ledger.hpp>

#include <vef/messages/bytes.hpp>

#include <algorithm>

namespace vef {

void ledger::set_capacity(const std::string& device, std::uint64_t bytes) {
  accounts_[device].capacity = bytes;
}

result<void> ledger::reserve(const memory_claim& claim) {
  auto it = accounts_.find(claim.device);
  if (it == accounts_.end())
    return fail(errc::invalid_argument, "no device " + quoted(claim.device) + " on this node");
  auto& device = it->second;
  owner who{claim.service, claim.model};
  if (device.entries.contains(who))
    return fail(errc::in_use,
                "model " + quoted(claim.model) + " holds memory of " + claim.device + " already");
  if (claim.bytes > device.room()) return fail(refusal(claim, device));
  device.reserved += claim.bytes;
  device.entries.emplace(std::move(who), entry{claim.bytes, false});
  return {};
}

result<void> ledger::settle(const memory_claim& measured) {
  auto found = accounts_.find(measured.device);
  if (found == accounts_.end())
    return fail(errc::invalid_argument, "no device " + quoted(measured.device) + " on this node");
  auto& device = found->second;
  auto it = device.entries.find(owner{measured.service, measured.model});
  if (it == device.entries.end())
    return fail(errc::invalid_argument,
                "model " + quoted(measured.model) + " has reserved nothing on " + measured.device);
  auto& held = it->second;
  if (measured.bytes > held.bytes && measured.bytes - held.bytes > device.room()) {
    auto missing = measured;
    missing.bytes -= held.bytes;
    return fail(refusal(missing, device));
  }
  (held.settled ? device.resident : device.reserved) -= held.bytes;
  device.resident += measured.bytes;
  held = {measured.bytes, true};
  return {};
}

std::uint64_t ledger::release(const std::string& service, const std::string& model) {
  std::uint64_t bytes = 0;
  for (auto& [name, device] : accounts_) {
    auto it = device.entries.find(owner{service, model});
    if (it == device.entries.end()) continue;
    bytes += it->second.bytes;
    (it->second.settled ? device.resident : device.reserved) -= it->second.bytes;
    device.entries.erase(it);
  }
  return bytes;
}

std::uint64_t ledger::held_by(const std::string& service, const std::string& model) const {
  std::uint64_t bytes = 0;
  for (const auto& [name, device] : accounts_)
    if (auto it = device.entries.find(owner{service, model}); it != device.entries.end())
      bytes += it->second.bytes;
  return bytes;
}

std::vector<device_memory> ledger::status() const {
  std::vector<device_memory> all;
  for (const auto& [name, device] : accounts_) {
    device_memory x{name, device.capacity, device.reserved, device.resident, {}};
    for (const auto& [who, held] : device.entries)
      x.claims.push_back({who.first, who.second, name, held.bytes});
    all.push_back(std::move(x));
  }
  return all;
}

error ledger::refusal(const memory_claim& claim, const account& device) {
  auto text = "model " + quoted(claim.model) + " needs " + format_bytes(claim.bytes) + " of " + claim.device
              + ", of which " + format_bytes(device.room()) + " of " + format_bytes(device.capacity)
              + " are free";
  std::vector<std::pair<std::uint64_t, std::string>> holders;
  for (const auto& [who, held] : device.entries) holders.emplace_back(held.bytes, who.second);
  std::ranges::sort(holders, std::greater{});
  for (std::size_t i = 0; i < holders.size() && i < 3; ++i)
    text += (i == 0 ? "; held by " : ", ") + holders[i].second + " (" + format_bytes(holders[i].first) + ')';
  return {errc::over_budget, text};
}

} // namespace vef
