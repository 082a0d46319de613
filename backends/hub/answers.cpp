#include <vef/backends/hub/answers.hpp>

#include <algorithm>
#include <charconv>
#include <memory>

#include <curl/curl.h>

namespace vef {

namespace {

// The parser of the library that connects, so that no URL means one host here and another there.
class parsed_url {
public:
  explicit parsed_url(const std::string& text)
      : url_(::curl_url())
      , good_(url_ && follow(text)) {}

  explicit operator bool() const { return good_; }

  /// Goes on to another URL, which may be relative to this one.
  bool follow(const std::string& target) {
    return ::curl_url_set(url_.get(), CURLUPART_URL, target.c_str(), 0) == CURLUE_OK;
  }
  std::string part(CURLUPart which, unsigned flags = 0) const {
    char* text = nullptr;
    if (::curl_url_get(url_.get(), which, &text, flags) != CURLUE_OK) return {};
    std::string out{text};
    ::curl_free(text);
    return out;
  }
  std::string scheme() const { return part(CURLUPART_SCHEME); } // in lower case
  std::string port() const { return part(CURLUPART_PORT, CURLU_DEFAULT_PORT); }
  std::string host() const {
    auto out = part(CURLUPART_HOST);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    return out;
  }

private:
  struct deleter {
    void operator()(CURLU* x) const { ::curl_url_cleanup(x); }
  };
  std::unique_ptr<CURLU, deleter> url_;
  bool good_;
};

std::string percent_encoded(std::string_view text, bool keep_slashes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view plain = "-._~";
  std::string out;
  for (unsigned char c : text) {
    auto letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter || plain.find(char(c)) != plain.npos || (c == '/' && keep_slashes)) {
      out += char(c);
    } else {
      out += '%';
      out += digits[c >> 4];
      out += digits[c & 15];
    }
  }
  return out;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t out = 0;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), out);
  return bad == std::errc{} && end == text.data() + text.size() ? std::optional{out} : std::nullopt;
}

// W/"abc" and "abc" are abc.
std::string bare_etag(std::string_view text) {
  if (text.starts_with("W/")) text.remove_prefix(2);
  while (text.starts_with('"')) text.remove_prefix(1);
  while (text.ends_with('"')) text.remove_suffix(1);
  return std::string{text};
}

// Of the last answer that has it.
std::optional<std::string> find_last(std::span<const http_hop> hops, std::string_view name) {
  for (auto i = hops.size(); i-- > 0;)
    if (auto found = hops[i].answer.headers.find(name)) return found;
  return {};
}

tl::unexpected<error> no_hub(const std::string& url, const std::string& why) {
  return fail(errc::download_failed, "what answers at " + shown_url(url) + " is no hub: " + why);
}

} // namespace

std::string file_url(const std::string& endpoint, const model_name& model, const std::string& path) {
  return endpoint + '/' + percent_encoded(model.id, true) + "/resolve/"
         + percent_encoded(model.revision, false) + '/' + percent_encoded(path, true);
}

std::string shown_url(const std::string& url) {
  parsed_url x{url};
  if (!x) return "an unreadable address";
  auto port = x.part(CURLUPART_PORT);
  return vef::quoted(x.scheme() + "://" + x.host() + (port.empty() ? "" : ':' + port)
                     + x.part(CURLUPART_PATH));
}

bool same_origin(const std::string& a, const std::string& b) {
  parsed_url x{a}, y{b};
  return x && y && x.scheme() == y.scheme() && x.host() == y.host() && x.port() == y.port();
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

result<std::string> redirect_target(const http_hop& from) {
  auto refuse = [&](const char* why) {
    return fail(errc::download_failed, "cannot follow the redirect of " + shown_url(from.url) + ": " + why);
  };
  auto location = from.answer.headers.find("Location");
  if (!location || location->empty()) return refuse("it names no address");
  parsed_url url{from.url};
  if (!url) return refuse("its own address is unreadable");
  auto secure = url.scheme() == "https";
  if (!url.follow(*location)) return refuse("its address is unreadable");
  auto scheme = url.scheme();
  if (scheme != "https" && scheme != "http") return refuse("it leads to something other than HTTP");
  if (secure && scheme != "https") return refuse("it leads from HTTPS to plain HTTP");
  return url.part(CURLUPART_URL);
}

result<file_facts> read_facts(std::span<const http_hop> hops) {
  file_facts out;
  const auto& last = hops.back();
  auto redirects = is_redirect(last.answer.status);
  out.commit = find_last(hops, "X-Repo-Commit").value_or("");
  if (!is_commit(out.commit)) return no_hub(last.url, "it names no commit (X-Repo-Commit)");

  auto etag = find_last(hops, "X-Linked-Etag");
  if (!etag) etag = last.answer.headers.find("ETag");
  out.etag = bare_etag(etag.value_or(""));
  if (!is_safe_etag(out.etag)) return no_hub(last.url, "it names no content (ETag)");

  auto size = find_last(hops, "X-Linked-Size");
  if (!size && !redirects) size = last.answer.headers.find("Content-Length");
  auto bytes = number(size.value_or(""));
  if (!bytes) return no_hub(last.url, "it tells no size (X-Linked-Size, Content-Length)");
  out.size = *bytes;

  out.location = last.url;
  if (redirects) {
    auto target = redirect_target(last);
    if (!target) return fail(target.error());
    out.location = *target;
  }
  return out;
}

bool worth_retry(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

std::optional<std::chrono::seconds> retry_after(const http_answer& x) {
  constexpr std::uint64_t a_day = 86400;
  // RateLimit: "api";r=0;t=55
  std::optional<std::uint64_t> wait;
  if (auto limit = x.headers.find("RateLimit")) {
    std::string_view rest{*limit};
    while (!rest.empty()) {
      auto item = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      while (item.starts_with(' ')) item.remove_prefix(1);
      if (item.starts_with("t=")) wait = number(item.substr(2));
    }
  }
  if (!wait) wait = number(x.headers.find("Retry-After").value_or(""));
  if (!wait) return {};
  return std::chrono::seconds{std::min(*wait, a_day) + 1};
}

} // namespace vef
