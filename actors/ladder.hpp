#pragma once

#include <vef/messages/memory.hpp>

#include <optional>
#include <vector>

namespace vef {

// A model's tiers, from the lowest on: a line for each device that a tier needs, lines of a tier next to each
// other.

/// The ladder of a catalog entry, written out: one tier, `host`, of `memory_estimate` bytes where it lists
/// none. With a ladder, working memory comes on top of it.
std::vector<tier_need> ladder_of(const model_info& x);

/// Refuses a ladder that no model could climb: tiers out of order, a device twice in a tier, no tier that
/// serves.
result<void> validate(const std::vector<tier_need>& ladder);

/// What a tier needs on each device.
std::vector<device_bytes> needs_of(const std::vector<tier_need>& ladder, tier x);

/// The next tier below; `absent` below the lowest.
tier below(const std::vector<tier_need>& ladder, tier x);

/// The next tier above, if there is one.
std::optional<tier> above(const std::vector<tier_need>& ladder, tier x);

/// Whether pictures can be embedded from there.
bool serves(const std::vector<tier_need>& ladder, tier x);

/// The lowest tier that serves.
tier lowest_serving(const std::vector<tier_need>& ladder);

/// The device whose memory forward passes use: the last that the tier names.
std::string working_device(const std::vector<tier_need>& ladder, tier x);

/// The ladder with what was measured in place of the estimates.
std::vector<tier_need> with_measured(std::vector<tier_need> ladder, const std::vector<tier_need>& measured);

} // namespace vef
