#include <vef/actors/ledger.hpp>

#include <vef/actors/bytes_on.hpp>
#include <vef/messages/bytes.hpp>

#include <algorithm>

namespace vef {

namespace {

tl::unexpected<error> no_device(const std::string& device) {
  return fail(errc::invalid_argument, "no device " + quoted(device) + " on this node");
}

} // namespace

// -- devices ------------------------------------------------------------------------------------------------

void ledger::set_capacity(const std::string& device, std::uint64_t bytes, std::uint64_t slack) {
  accounts_[device].capacity = bytes;
  accounts_[device].slack = std::min(bytes, slack);
}

void ledger::set_reading(const device_reading& x) {
  if (auto it = accounts_.find(x.device); it != accounts_.end()) it->second.reading = x;
}

std::uint64_t ledger::account::held() const {
  std::uint64_t sum = 0;
  for (const auto& [who, x] : entries) sum += x.sum();
  return sum;
}

// What others hold can't be had, whatever the budget says.
std::uint64_t ledger::account::limit() const {
  if (reading.total == 0) return usable();
  auto others = reading.others();
  return std::min(usable(), reading.total > others ? reading.total - others : 0);
}

std::uint64_t ledger::account::room() const {
  auto taken = held(), most = limit();
  return taken < most ? most - taken : 0;
}

const ledger::account* ledger::find(const std::string& device) const {
  auto it = accounts_.find(device);
  return it == accounts_.end() ? nullptr : &it->second;
}

std::uint64_t ledger::capacity(const std::string& device) const {
  auto x = find(device);
  return x ? x->usable() : 0;
}

std::uint64_t ledger::room(const std::string& device) const {
  auto x = find(device);
  return x ? x->room() : 0;
}

// -- what models hold ---------------------------------------------------------------------------------------

result<void> ledger::reserve(const model_key& who, const std::vector<device_bytes>& bytes) {
  for (const auto& x : bytes) {
    auto device = find(x.device);
    if (!device) return no_device(x.device);
    auto need = bytes_on(bytes, x.device);
    if (need > device->room()) return fail(errc::over_budget, shortage(who, {x.device, need}));
  }
  for (const auto& x : bytes) accounts_.at(x.device).entries[who].reserved += x.bytes;
  return {};
}

void ledger::cancel(const model_key& who) {
  for (auto& [name, device] : accounts_) {
    auto it = device.entries.find(who);
    if (it == device.entries.end()) continue;
    it->second.reserved = 0;
    if (it->second.sum() == 0) device.entries.erase(it);
  }
}

result<void> ledger::settle(const model_key& who, const model_memory& measured) {
  for (const auto* part : {&measured.weights, &measured.working})
    for (const auto& x : *part)
      if (!knows(x.device)) return no_device(x.device);
  for (const auto& [device, x] : accounts_) {
    auto now = bytes_on(measured.weights, device) + bytes_on(measured.working, device);
    auto before = held(who, device).sum();
    if (now > before && now - before > x.room())
      return fail(errc::over_budget, shortage(who, {device, now - before}));
  }
  for (auto& [device, x] : accounts_) {
    entry now{0, bytes_on(measured.weights, device), bytes_on(measured.working, device)};
    if (now.sum() > 0)
      x.entries[who] = now;
    else
      x.entries.erase(who);
  }
  return {};
}

std::uint64_t ledger::grow(const model_key& who, const device_bytes& wanted) {
  auto it = accounts_.find(wanted.device);
  if (it == accounts_.end()) return 0;
  auto found = it->second.entries.find(who);
  if (found == it->second.entries.end()) return 0; // it holds nothing: what it asks for is not working memory
  auto& x = found->second;
  x.working = std::max(x.working, std::min(wanted.bytes, x.working + it->second.room()));
  return x.working;
}

void ledger::shrink(const model_key& who, const device_bytes& to) {
  auto it = accounts_.find(to.device);
  if (it == accounts_.end()) return;
  if (auto found = it->second.entries.find(who); found != it->second.entries.end())
    found->second.working = std::min(found->second.working, to.bytes);
}

void ledger::rename(const model_key& who, const model_key& as) {
  for (auto& [device, x] : accounts_) {
    auto held = x.entries.extract(who);
    if (held.empty()) continue;
    held.key() = as;
    x.entries.insert(std::move(held));
  }
}

std::uint64_t ledger::release(const model_key& who) {
  auto bytes = held(who);
  for (auto& [name, device] : accounts_) device.entries.erase(who);
  return bytes;
}

ledger::entry ledger::held(const model_key& who, const std::string& device) const {
  auto x = find(device);
  if (!x) return {};
  auto it = x->entries.find(who);
  return it == x->entries.end() ? entry{} : it->second;
}

std::uint64_t ledger::held(const model_key& who) const {
  std::uint64_t bytes = 0;
  for (const auto& [name, device] : accounts_) bytes += held(who, name).sum();
  return bytes;
}

// -- for people ---------------------------------------------------------------------------------------------

std::vector<device_memory> ledger::status() const {
  std::vector<device_memory> all;
  for (const auto& [name, device] : accounts_) {
    device_memory x{
        .device = name, .capacity = device.capacity, .room = device.room(), .reading = device.reading};
    for (const auto& [who, held] : device.entries) {
      x.reserved += held.reserved;
      x.resident += held.resident;
      x.working += held.working;
      x.holdings.push_back(
          {.who = who, .reserved = held.reserved, .resident = held.resident, .working = held.working});
    }
    all.push_back(std::move(x));
  }
  return all;
}

std::string ledger::shortage(const model_key& who, const device_bytes& need) const {
  const auto& device = *find(need.device);
  auto text = "model " + quoted(who.model) + " needs " + format_bytes(need.bytes) + " of " + need.device
              + ", of which " + format_bytes(device.room()) + " of " + format_bytes(device.capacity)
              + " are free";
  std::vector<std::pair<std::uint64_t, std::string>> holders;
  for (const auto& [other, held] : device.entries)
    if (other != who) holders.emplace_back(held.sum(), other.model);
  std::ranges::sort(holders, std::greater{});
  for (std::size_t i = 0; i < holders.size() && i < 3; ++i)
    text += (i == 0 ? "; held by " : ", ") + holders[i].second + " (" + format_bytes(holders[i].first) + ')';
  if (holders.size() > 3) text += " and " + std::to_string(holders.size() - 3) + " more";
  if (device.limit() < device.usable())
    text += "; other programs hold " + format_bytes(device.reading.others()) + " of its "
            + format_bytes(device.reading.total);
  return text;
}

} // namespace vef
