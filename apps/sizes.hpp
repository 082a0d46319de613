#pragma once

#include <cstdint>
#include <string>

namespace vef {

/// An amount for a table: "1.5 GiB"; "-" for nothing.
std::string size_text(std::uint64_t bytes);

/// Bytes of memory that this machine has, 0 if it does not say.
std::uint64_t machine_memory();

} // namespace vef
