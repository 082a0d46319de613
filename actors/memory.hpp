#pragma once

#include <cstdint>

namespace vef {

/// Bytes of this process that are in physical memory now (VmRSS). 0 where the kernel does not say.
std::uint64_t resident_bytes();

/// What this process could have at most: the machine's memory, or the limit of its control group if that is
/// lower.
std::uint64_t machine_memory_bytes();

/// Returns to the kernel what the C library keeps for later. Takes milliseconds; for after an unload.
void trim_heap();

} // namespace vef
