#pragma once

#include <string_view>

namespace vef {

inline constexpr std::string_view version = "0.1.0";

/// Raised whenever a message struct changes: nodes of different protocols do not talk.
inline constexpr unsigned protocol = 1;

} // namespace vef
