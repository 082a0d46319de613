#include <vef/actors/memory.hpp>

#include <algorithm>
#include <fstream>
#include <string>

#include <malloc.h>
#include <unistd.h>

namespace vef {

std::uint64_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::uint64_t size = 0, resident = 0;
  if (!(statm >> size >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t machine_memory_bytes() {
  auto bytes =
      static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  // Inside a container this is its own group; outside it says "max" or is not there.
  std::ifstream limit{"/sys/fs/cgroup/memory.max"};
  std::uint64_t group = 0;
  return limit >> group ? std::min(bytes, group) : bytes;
}

std::uint64_t heap_bytes() {
  auto x = mallinfo2();
  return x.uordblks + x.hblkhd;
}

void trim_heap() { malloc_trim(0); }

namespace {

std::uint64_t fall(std::uint64_t before, std::uint64_t after) { return before > after ? before - after : 0; }

std::uint64_t available_on(const std::vector<device_reading>& readings, const std::string& device) {
  for (const auto& x : readings)
    if (x.device == device) return x.available;
  return 0;
}

} // namespace

memory_meter::memory_meter(std::vector<device_reading> devices)
    : devices_(std::move(devices))
    , resident_(resident_bytes())
    , heap_(heap_bytes()) {}

std::uint64_t memory_meter::returned(const std::vector<device_bytes>& expected,
                                     const std::vector<device_reading>& devices) const {
  std::uint64_t sum = 0;
  for (const auto& x : expected) {
    auto came =
        x.device == "host"
            // A heap that gave nothing to the kernel yet has come back all the same: the next load gets it.
            ? std::max(fall(resident_, resident_bytes()), fall(heap_, heap_bytes()))
            : fall(available_on(devices, x.device), available_on(devices_, x.device));
    sum += std::min(came, x.bytes);
  }
  return sum;
}

} // namespace vef
