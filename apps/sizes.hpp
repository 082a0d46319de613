#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace vef {

/// Bytes from a text: "1073741824", "1.5GB" (powers of 1000), "512MiB" (powers of 1024), "50%" (of `whole`).
/// Upper and lower case are the same. Errors: invalid_argument for anything else, and for nothing at all.
result<std::uint64_t> parse_size(std::string_view text, std::uint64_t whole);

/// An amount for a table: "1.5 GiB"; "-" for nothing.
std::string size_text(std::uint64_t bytes);

/// Bytes of memory that this machine has, 0 if it does not say.
std::uint64_t machine_memory();

} // namespace vef
