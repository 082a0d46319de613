#include <vef/actors/ladder.hpp>

#include <algorithm>

namespace vef {

std::vector<tier_need> ladder_of(const model_info& x) {
  if (!x.tiers.empty()) return x.tiers;
  return {{tier::host, "host", x.memory_estimate}};
}

result<void> validate(const std::vector<tier_need>& ladder) {
  auto serving = false;
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    const auto& x = ladder[i];
    serving = serving || x.serves;
    if (x.tier == tier::absent) return fail(errc::invalid_config, "tiers: 'absent' is not one of them");
    if (x.device.empty()) return fail(errc::invalid_config, "tiers: a tier without a device");
    if (i == 0) continue;
    if (x.tier < ladder[i - 1].tier)
      return fail(errc::invalid_config, "tiers: '" + std::string{to_string(x.tier)} + "' stands above '"
                                            + std::string{to_string(ladder[i - 1].tier)}
                                            + "'; list the lowest first");
    for (std::size_t k = 0; k < i; ++k)
      if (ladder[k].tier == x.tier && ladder[k].device == x.device)
        return fail(errc::invalid_config, "tiers: device " + quoted(x.device) + " twice in one tier");
  }
  if (!ladder.empty() && !serving) return fail(errc::invalid_config, "tiers: none of them serves");
  return {};
}

std::vector<device_bytes> needs_of(const std::vector<tier_need>& ladder, tier x) {
  std::vector<device_bytes> out;
  for (const auto& line : ladder)
    if (line.tier == x) out.push_back({line.device, line.bytes});
  return out;
}

tier below(const std::vector<tier_need>& ladder, tier x) {
  auto out = tier::absent;
  for (const auto& line : ladder)
    if (line.tier < x) out = std::max(out, line.tier);
  return out;
}

std::optional<tier> above(const std::vector<tier_need>& ladder, tier x) {
  std::optional<tier> out;
  for (const auto& line : ladder)
    if (line.tier > x && (!out || line.tier < *out)) out = line.tier;
  return out;
}

bool serves(const std::vector<tier_need>& ladder, tier x) {
  return std::ranges::any_of(ladder, [x](const tier_need& line) { return line.tier == x && line.serves; });
}

tier lowest_serving(const std::vector<tier_need>& ladder) {
  for (const auto& line : ladder)
    if (line.serves) return line.tier;
  return tier::host;
}

std::string working_device(const std::vector<tier_need>& ladder, tier x) {
  std::string out = "host";
  for (const auto& line : ladder)
    if (line.tier == x) out = line.device;
  return out;
}

std::vector<tier_need> with_measured(std::vector<tier_need> ladder, const std::vector<tier_need>& measured) {
  for (auto& line : ladder)
    for (const auto& known : measured)
      if (known.tier == line.tier && known.device == line.device) line.bytes = known.bytes;
  return ladder;
}

} // namespace vef
