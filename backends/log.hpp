#pragma once

#include <cstdint>
#include <string_view>

namespace vef {

enum class log_level : std::uint8_t { debug, info, warn, error };

/// A line of log from a file that can't include spdlog, since LibTorch's headers bring a fmt of their own.
void log(log_level level, std::string_view text);

} // namespace vef
