#pragma once

#include <vef/messages/memory.hpp>

#include <string>
#include <vector>

namespace vef {

/// Of the bytes listed, those on one device.
inline std::uint64_t bytes_on(const std::vector<device_bytes>& x, const std::string& device) {
  std::uint64_t sum = 0;
  for (const auto& one : x)
    if (one.device == device) sum += one.bytes;
  return sum;
}

} // namespace vef
