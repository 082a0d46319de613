#pragma once

#include <vef/messages/service.hpp>

#include <span>
#include <string>
#include <vector>

namespace vef {

/// The order in which services start: each after all that it depends on, and among those that could start,
/// the lower startup_priority first, then the name. Errors: duplicate_name; unknown_service for a dependency
/// that is not among them, with the nearest name; invalid_config for a cycle, which it names.
result<std::vector<std::string>> start_order(std::span<const service_spec> specs);

} // namespace vef
