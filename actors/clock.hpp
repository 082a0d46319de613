#pragma once

#include <vef/messages/memory.hpp>

namespace vef {

/// The time of day, for what people read. Decisions go by the clock of the actor.
inline timestamp wall_clock() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

} // namespace vef
