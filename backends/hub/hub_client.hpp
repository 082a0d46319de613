#pragma once

#include <vef/backends/hub/answers.hpp>
#include <vef/backends/hub/http.hpp>

#include <optional>
#include <stop_token>
#include <string>

namespace vef {

/// A hub, and who asks it.
struct hub_access {
  std::string endpoint = "https://huggingface.co"; ///< without a slash at its end
  std::string token = {};                          ///< a secret; empty: none
  http_patience patience = {};
};

/// Why a try failed, and what may help.
struct setback {
  error problem;
  bool again = false;                            ///< the same may succeed later
  std::optional<std::chrono::seconds> told = {}; ///< the server asks to wait that long
  int status = 0;                                ///< of the answer; 0: there was none
};

template <class T> using attempt = tl::expected<T, setback>;

/// Asks a hub for files, each question once: whoever asks decides about another try. Follows redirects so
/// that the token goes to the endpoint's own scheme, host and port and nowhere else. One thread at a time.
class hub_client {
public:
  hub_client(hub_access access, std::stop_token stop);

  /// What the hub knows of a file; nothing if the repository is there and the file isn't.
  attempt<std::optional<file_facts>> find(const model_name& model, const std::string& path);

  /// Gets the bytes from `from` on of a file whose location find() has told. `take` gets the body of an
  /// answer with status 200 (from the first byte) or 206; 416 is an answer as well, all others are setbacks.
  attempt<http_answer> get(const model_name& model, const std::string& path, const std::string& location,
                           std::uint64_t from, const http_client::take_body& take);

private:
  http_request request_to(const std::string& url, http_method method) const;
  asked_file asked(const model_name& model, const std::string& path) const;

  hub_access access_;
  std::stop_token stop_;
  http_client http_;
};

} // namespace vef
