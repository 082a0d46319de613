#pragma once

#include <vef/messages/reflect.hpp>

#include <tl/expected.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace vef {

/// What can go wrong. The numbers travel between nodes: append, never renumber.
enum class errc : std::uint8_t {
  ok = 0,

  // A picture. Its place in the reply carries the error; the other pictures of the request are unharmed.
  file_not_found,
  file_unreadable,
  not_a_file, ///< a folder, FIFO, socket or device
  empty_image,
  not_a_picture,
  unsupported_image,
  corrupt_image,
  truncated_image,
  image_too_large,

  // A name or a value that somebody gave us.
  unknown_model,
  unknown_service,
  unknown_backend,
  unknown_variant,
  duplicate_name,
  invalid_argument,
  invalid_config,

  // Work that could not be done.
  load_failed,
  embed_failed,
  out_of_memory, ///< the machine or the device had no more memory
  over_budget,   ///< the configured budget does not allow it
  in_use,        ///< refused, because requests are under way
  overloaded,    ///< a bounded queue is full
  deadline_exceeded,
  cancelled,
  shutting_down,
  unavailable, ///< the service is starting, restarting or gone
  internal,

  // Output.
  cannot_write,
  disk_full,

  // Before a service starts.
  missing_capability, ///< something that it requires is not there

  // A model's files, and getting them.
  corrupt_model,     ///< they contradict their format, each other or themselves
  unsupported_model, ///< nothing here computes such a network
  not_found,         ///< a repository, a revision or a file of one
  access_denied,     ///< it wants a token, or one with more rights
  download_failed,   ///< the network, or what came over it

  // Other nodes.
  unreachable,          ///< no such host, or nobody there who speaks with us
  incompatible_version, ///< one of two nodes is too old
  not_trusted,          ///< a certificate that is expired, a stranger's, for another name, or not to be had
  not_allowed,          ///< a node that does not let others do that
  address_taken,        ///< a port that another program listens at
};

/// The number of codes, `ok` included.
inline constexpr std::size_t errc_count = static_cast<std::size_t>(errc::address_taken) + 1;

/// The code as a word, for logs and JSON: "corrupt_image".
std::string_view to_string(errc code) noexcept;

/// The code from its word; `errc::internal` for a word that is none.
errc errc_from_string(std::string_view word) noexcept;

/// What the person who reads this error can do about it, one sentence without a full stop.
std::string_view advice(errc code) noexcept;

/// Whether the same request may succeed later or elsewhere, without anybody mending anything.
bool retryable(errc code) noexcept;

/// An error as a value. `what` says what was tried, on what, and why it failed: lower case, no full stop.
struct error {
  errc code = errc::ok;
  std::string what;

  explicit operator bool() const noexcept { return code != errc::ok; }
  bool operator==(const error&) const = default;

  static constexpr std::string_view type_name = "vef::error";
  static constexpr auto fields() {
    return std::tuple{field{"code", &error::code}, field{"what", &error::what}};
  }
};

/// The error for people: what failed and why, then what to do.
std::string describe(const error& x);

/// A value or an error.
template <class T> using result = tl::expected<T, error>;

/// `return fail(errc::corrupt_image, "cannot decode 'a.png': bad checksum");`
[[nodiscard]] inline tl::unexpected<error> fail(errc code, std::string what) {
  return tl::unexpected<error>{error{code, std::move(what)}};
}

[[nodiscard]] inline tl::unexpected<error> fail(error x) { return tl::unexpected<error>{std::move(x)}; }

/// Quotes a name or path for an error text: control characters and invalid bytes come out escaped, so that a
/// hostile file name can't forge a second line of log.
std::string quoted(std::string_view text);

} // namespace vef
