#include <vef/apps/sizes.hpp>

#include <vef/messages/bytes.hpp>

#include <unistd.h>

namespace vef {

std::string size_text(std::uint64_t bytes) { return bytes == 0 ? "-" : format_bytes(bytes); }

std::uint64_t machine_memory() {
  auto pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGE_SIZE);
  return pages > 0 && size > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size) : 0;
}

} // namespace vef
