#pragma once

#include <vef/messages/errors.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace vef {

/// The headers of an answer. Names are the same in upper and lower case; of a repeated one the last counts.
class http_headers {
public:
  void set(std::string_view name, std::string_view value);
  void clear() { values_.clear(); }

  /// The value without spaces around it; none where the header is missing.
  std::optional<std::string> find(std::string_view name) const;

private:
  std::map<std::string, std::string> values_; // by names in lower case
};

enum class http_method : std::uint8_t { head, get };

struct http_request {
  std::string url;
  http_method method = http_method::get;
  std::string token = {};    ///< goes out as `Authorization: Bearer`; empty: nothing does
  std::uint64_t from = 0;    ///< the first byte wanted; 0 asks for all without a range
  std::stop_token stop = {}; ///< ends the request with errc::cancelled
};

struct http_answer {
  int status = 0;
  http_headers headers = {};
};

/// How long silence is borne.
struct http_patience {
  std::chrono::seconds connect{10};
  std::chrono::seconds stall{10}; ///< without a byte
};

/// Asks over HTTP and HTTPS, one request after the other over connections that stay open. Redirects are
/// answers like others: whoever asks decides where a token may go. Nothing it says holds the token, or what
/// follows the path of a URL, where others put theirs. One thread at a time.
class http_client {
public:
  /// Takes the next bytes of the body, of whose answer the head is known. An error ends the request.
  using take_body = std::function<result<void>(const http_answer&, std::string_view)>;

  explicit http_client(http_patience patience = {});
  ~http_client();
  http_client(http_client&&) noexcept;
  http_client& operator=(http_client&&) noexcept;

  /// The answer, whatever its status, after the whole body has been taken.
  ///
  /// Errors: unavailable if there was no connection or it was cut, deadline_exceeded after silence (both may
  /// go away by themselves); download_failed for what stays (a bad URL or certificate); cancelled; that of
  /// `take`.
  result<http_answer> ask(const http_request& request, const take_body& take = {});

private:
  struct session;
  std::unique_ptr<session> session_;
};

} // namespace vef
