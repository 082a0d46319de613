#pragma once

#include <vef/messages/memory.hpp>

#include <map>
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

/// All that a model holds, a line for each device.
inline std::vector<device_bytes> sum_of(const model_memory& x) {
  std::map<std::string, std::uint64_t> sum;
  for (const auto* part : {&x.weights, &x.working})
    for (const auto& one : *part) sum[one.device] += one.bytes;
  std::vector<device_bytes> out;
  for (const auto& [device, bytes] : sum) out.push_back({device, bytes});
  return out;
}

} // namespace vef
