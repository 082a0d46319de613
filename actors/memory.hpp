#pragma once

#include <vef/messages/memory.hpp>

#include <cstdint>
#include <vector>

namespace vef {

/// Bytes of this process that are in physical memory now (VmRSS). 0 where the kernel does not say.
std::uint64_t resident_bytes();

/// Bytes that the C library has given out and not got back.
std::uint64_t heap_bytes();

/// What this process could have at most: the machine's memory, or the limit of its control group if that is
/// lower.
std::uint64_t machine_memory_bytes();

/// Returns to the kernel what the C library keeps for later. Takes milliseconds; for after an unload.
void trim_heap();

/// How much memory came back between two moments, on each device.
class memory_meter {
public:
  /// `devices`: what the drivers say at the first moment; the host is asked here.
  explicit memory_meter(std::vector<device_reading> devices);

  /// How much of `expected` came back since, a device for itself, and none more than was expected: what else
  /// is going on in the process blurs the host's figure.
  std::uint64_t returned(const std::vector<device_bytes>& expected,
                         const std::vector<device_reading>& devices) const;

private:
  std::vector<device_reading> devices_;
  std::uint64_t resident_;
  std::uint64_t heap_;
};

} // namespace vef
