#include <vef/backends/hub/http.hpp>

#include <vef/backends/hub/answers.hpp>
#include <vef/messages/version.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <curl/curl.h>

namespace vef {

namespace {

constexpr long buffer_size = 256 * 1024;

std::string lower(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  auto begin = text.find_first_not_of(blank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

// Once, before the first thread asks; the library stays until the process ends.
bool library_ready() {
  static const bool ready = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

struct list_deleter {
  void operator()(curl_slist* x) const { ::curl_slist_free_all(x); }
};
using header_list = std::unique_ptr<curl_slist, list_deleter>;

// A header that ended early in a line break would let a token write headers of its own.
bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

errc code_of(CURLcode failed) {
  switch (failed) {
  case CURLE_OPERATION_TIMEDOUT: return errc::deadline_exceeded;
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_CONNECT:
  case CURLE_GOT_NOTHING:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
  case CURLE_PARTIAL_FILE:
  case CURLE_RECV_ERROR:
  case CURLE_SEND_ERROR: return errc::unavailable;
  case CURLE_OUT_OF_MEMORY: return errc::out_of_memory;
  default: return errc::download_failed;
  }
}

// What one request knows while it is under way.
struct exchange {
  const http_request& request;
  const http_client::take_body& take;
  http_answer answer = {};
  error refused = {};
};

// Each answer starts with a line of its own: an "HTTP/1.1 100 Continue", or that of a proxy, may come first.
std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& x = *static_cast<exchange*>(user);
  std::string_view line{data, size};
  if (line.starts_with("HTTP/")) {
    x.answer = {};
    auto space = line.find(' ');
    auto digits = space == line.npos ? std::string_view{} : line.substr(space + 1, 3);
    for (auto c : digits)
      if (c >= '0' && c <= '9') x.answer.status = x.answer.status * 10 + (c - '0');
  } else if (auto colon = line.find(':'); colon != line.npos) {
    x.answer.headers.set(line.substr(0, colon), line.substr(colon + 1));
  }
  return size;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& x = *static_cast<exchange*>(user);
  if (x.request.stop.stop_requested()) return CURL_WRITEFUNC_ERROR;
  if (!x.take) return size;
  auto taken = x.take(x.answer, {data, size});
  if (taken) return size;
  x.refused = taken.error();
  return CURL_WRITEFUNC_ERROR;
}

int on_tick(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<exchange*>(user)->request.stop.stop_requested() ? 1 : 0;
}

void allow_only_http(CURL* handle) {
#if LIBCURL_VERSION_NUM >= 0x075500
  ::curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  ::curl_easy_setopt(handle, CURLOPT_PROTOCOLS, long{CURLPROTO_HTTP | CURLPROTO_HTTPS});
#endif
}

} // namespace

void http_headers::set(std::string_view name, std::string_view value) {
  values_[lower(trimmed(name))] = trimmed(value);
}

std::optional<std::string> http_headers::find(std::string_view name) const {
  auto found = values_.find(lower(name));
  return found == values_.end() ? std::nullopt : std::optional{found->second};
}

struct http_client::session {
  explicit session(http_patience x)
      : patience(x)
      , handle(library_ready() ? ::curl_easy_init() : nullptr) {}
  ~session() { ::curl_easy_cleanup(handle); }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  void prepare(exchange& x, curl_slist* headers);

  http_patience patience;
  CURL* handle;
  std::array<char, CURL_ERROR_SIZE> reason{};
};

void http_client::session::prepare(exchange& x, curl_slist* headers) {
  const auto agent = "vef/" + std::string{version};
  auto set = [this](CURLoption option, auto value) { ::curl_easy_setopt(handle, option, value); };
  ::curl_easy_reset(handle); // connections stay open
  reason[0] = '\0';
  allow_only_http(handle);
  set(CURLOPT_URL, x.request.url.c_str());
  set(CURLOPT_NOBODY, x.request.method == http_method::head ? 1L : 0L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_USERAGENT, agent.c_str());
  set(CURLOPT_NOSIGNAL, 1L); // threads
  set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(patience.connect.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(patience.stall.count()));
  set(CURLOPT_BUFFERSIZE, buffer_size);
  set(CURLOPT_ERRORBUFFER, reason.data());
  set(CURLOPT_HEADERFUNCTION, on_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&x));
  set(CURLOPT_WRITEFUNCTION, on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&x));
  set(CURLOPT_XFERINFOFUNCTION, on_tick);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&x));
  set(CURLOPT_NOPROGRESS, 0L);
}

http_client::http_client(http_patience patience)
    : session_(std::make_unique<session>(patience)) {}
http_client::~http_client() = default;
http_client::http_client(http_client&&) noexcept = default;
http_client& http_client::operator=(http_client&&) noexcept = default;

result<http_answer> http_client::ask(const http_request& request, const take_body& take) {
  auto shown = shown_url(request.url);
  if (!session_->handle) return fail(errc::out_of_memory, "cannot start libcurl");
  if (!is_printable(request.token))
    return fail(errc::invalid_argument,
                "the token of the hub holds spaces or other characters that none has");
  if (request.stop.stop_requested()) return fail(errc::cancelled, "stopped before asking " + shown);

  header_list headers;
  auto add = [&](const std::string& line) {
    if (auto all = ::curl_slist_append(headers.get(), line.c_str())) {
      std::ignore = headers.release();
      headers.reset(all);
    }
  };
  add("Accept-Encoding: identity"); // sizes and ranges are those of the file
  if (!request.token.empty()) add("Authorization: Bearer " + request.token);
  if (request.from > 0) add("Range: bytes=" + std::to_string(request.from) + '-');

  exchange x{request, take};
  session_->prepare(x, headers.get());
  auto done = ::curl_easy_perform(session_->handle);
  if (done == CURLE_OK) return std::move(x.answer);
  if (x.refused) return fail(x.refused);
  if (request.stop.stop_requested()) return fail(errc::cancelled, "stopped while asking " + shown);
  auto why = session_->reason[0] != '\0' ? session_->reason.data() : ::curl_easy_strerror(done);
  return fail(code_of(done), "cannot get " + shown + ": " + why);
}

} // namespace vef
