#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <string_view>

namespace vef {

/// Bytes from a text: "1073741824", "1.5GB" (powers of 1000), "512 MiB" (powers of 1024), "50%" (of `whole`;
/// refused where it is 0). Upper and lower case are the same; blanks may stand before the unit. Errors:
/// invalid_argument for anything else, for nothing at all, and for 2^63 bytes or more.
result<std::uint64_t> parse_size(std::string_view text, std::uint64_t whole = 0);

} // namespace vef
