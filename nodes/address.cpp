#include <vef/nodes/address.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include <arpa/inet.h>

namespace vef {

namespace {

bool is_address(int family, const std::string& text, in6_addr& out) {
  return text.find('\0') == text.npos && ::inet_pton(family, text.c_str(), &out) == 1;
}

// With the zone that a link-local one has: "fe80::1%eth0".
bool is_version_6(const std::string& text) {
  in6_addr bytes{};
  return is_address(AF_INET6, text.substr(0, text.find('%')), bytes);
}

bool is_version_4(const std::string& text) {
  in6_addr bytes{};
  return is_address(AF_INET, text, bytes);
}

bool is_letter_or_digit(unsigned char c) { return c < 0x80 && std::isalnum(c); }

// "7400" and "10.1" would be taken for addresses by the system's resolver, and not for those that are meant.
bool is_host(const std::string& text) {
  constexpr std::size_t most = 253; // RFC 1035, as text
  if (text.size() > most || !is_letter_or_digit(static_cast<unsigned char>(text.front()))) return false;
  if (text.find_first_not_of("0123456789.") == text.npos) return is_version_4(text);
  return std::ranges::all_of(
      text, [](unsigned char c) { return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_'; });
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t out = 0;
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (problem != std::errc{} || end != text.data() + text.size()) return {};
  return out;
}

auto refuse(std::string_view text, const std::string& why) {
  return fail(errc::invalid_argument, "cannot read the address " + vef::quoted(text) + ": " + why);
}

// The host as it stands there; no port if none was given.
result<node_address> checked(std::string_view text, std::string host, std::optional<std::string_view> port,
                             std::uint16_t otherwise) {
  if (!is_version_6(host) && !is_host(host))
    return refuse(text, vef::quoted(host) + " is neither a host's name nor an address; write HOST:PORT");
  node_address out{.host = std::move(host), .port = otherwise};
  if (!port) return out;
  auto number = parse_port(*port);
  if (!number) return refuse(text, vef::quoted(*port) + " is no port; ports are numbers from 0 to 65535");
  out.port = *number;
  return out;
}

} // namespace

result<node_address> parse_address(std::string_view text, std::uint16_t port) {
  if (text.empty()) return refuse(text, "it is empty; write HOST:PORT");
  if (text.front() == '[') {
    auto end = text.find(']');
    auto rest = end == text.npos ? text : text.substr(end + 1);
    auto host = std::string{text.substr(1, end == text.npos ? text.npos : end - 1)};
    if (end == text.npos || !is_version_6(host) || (!rest.empty() && rest.front() != ':'))
      return refuse(text, "brackets are for addresses with colons, as in [::1]:7400");
    return checked(text, std::move(host), rest.empty() ? std::nullopt : std::optional{rest.substr(1)}, port);
  }
  auto colon = text.find(':');
  if (colon == text.npos) return checked(text, std::string{text}, {}, port);
  if (text.find(':', colon + 1) != text.npos) {
    if (is_version_6(std::string{text})) return node_address{.host = std::string{text}, .port = port};
    return refuse(text, "it has several colons and is no address; write HOST:PORT or [ADDRESS]:PORT");
  }
  auto host = colon == 0 ? std::string{"127.0.0.1"} : std::string{text.substr(0, colon)};
  return checked(text, std::move(host), text.substr(colon + 1), port);
}

std::string to_string(const node_address& x) {
  auto has_colons = x.host.find(':') != x.host.npos;
  return (has_colons ? '[' + x.host + ']' : x.host) + ':' + std::to_string(x.port);
}

bool is_loopback(const node_address& x) {
  in6_addr bytes{};
  if (is_address(AF_INET, x.host, bytes)) return bytes.s6_addr[0] == 127;
  if (is_address(AF_INET6, x.host, bytes)) return IN6_IS_ADDR_LOOPBACK(&bytes);
  constexpr std::string_view name = "localhost";
  return std::ranges::equal(x.host, name, [](unsigned char a, char b) { return std::tolower(a) == b; });
}

} // namespace vef
