#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace vef {

/// Where a node listens when nobody says otherwise.
inline constexpr std::uint16_t default_port = 7400;

/// A host, by name or number, and a port.
struct node_address {
  std::string host;
  std::uint16_t port = default_port;

  auto operator<=>(const node_address&) const = default;
};

/// Reads "HOST:PORT", "HOST", "[::1]:7400", "::1", ":7400" (on 127.0.0.1). `port` is for a text that says
/// none. Errors: invalid_argument.
result<node_address> parse_address(std::string_view text, std::uint16_t port = default_port);

/// "HOST:PORT", with brackets around a host that has colons.
std::string to_string(const node_address& x);

/// Whether it can only be reached from this machine: 127.0.0.0/8, ::1, localhost.
bool is_loopback(const node_address& x);

} // namespace vef
