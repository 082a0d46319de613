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

void trim_heap() { malloc_trim(0); }

} // namespace vef
