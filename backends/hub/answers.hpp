#pragma once

#include <vef/backends/hub/http.hpp>
#include <vef/backends/hub/model_name.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vef {

// How the Hub speaks over HTTP, as Python's huggingface_hub understands it (its file_download.py, and
// utils/_http.py for the errors). Nothing here does I/O or knows the time.

// -- asking ---

/// ENDPOINT/ID/resolve/REVISION/PATH, percent-encoded: all of the revision, the path but for its slashes.
std::string file_url(const std::string& endpoint, const model_name& model, const std::string& path);

/// A URL as people and logs may see it: without a user's name, and without what follows the path, which is
/// where signed URLs have their signature.
std::string shown_url(const std::string& url);

/// Whether two URLs have the same scheme, host and port. The token goes where this holds for the endpoint and
/// nowhere else.
bool same_origin(const std::string& a, const std::string& b);

// -- answers ---

bool is_redirect(int status);

/// An answer and the URL that gave it.
struct http_hop {
  std::string url;
  http_answer answer;
};

/// Where a redirect leads: an absolute URL. Errors: download_failed if it leads nowhere, to something other
/// than HTTP, or from HTTPS to plain HTTP.
result<std::string> redirect_target(const http_hop& from);

/// What the Hub knows of a file at a revision.
struct file_facts {
  std::string commit;
  std::string etag; ///< identity of the content: SHA-256, or git's SHA-1 of a small file
  std::uint64_t size = 0;
  std::string location; ///< where the bytes are; may be on another host, and for a short time
};

/// Reads the answers to a HEAD, from the first to the last: redirects, then perhaps a good status.
/// X-Repo-Commit, X-Linked-Etag and X-Linked-Size count wherever they stand, ETag only in the last answer,
/// Content-Length only if that is no redirect.
/// Errors: download_failed where something else than a hub has answered.
result<file_facts> read_facts(std::span<const http_hop> hops);

// -- refusals ---

/// What was asked for, for the sentences below.
struct asked_file {
  std::string endpoint;
  model_name model;
  std::string path;
  bool with_token = false;
};

/// Whether an answer says that the repository is there and the file isn't.
bool says_no_such_file(const http_answer& x);

/// The error for an answer whose status is not good: not_found, access_denied or download_failed.
error refusal(const http_answer& x, const asked_file& what);

/// The same for an answer of another host, to which the hub has sent us: download_failed.
error refusal_elsewhere(const http_answer& x, const asked_file& what, const std::string& url);

/// Whether the same question may get a better answer later.
bool worth_retry(int status);

/// How long the Hub asks to wait: RateLimit's t, else Retry-After, plus one second.
std::optional<std::chrono::seconds> retry_after(const http_answer& x);

} // namespace vef
