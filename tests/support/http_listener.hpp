#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace vef::test {

struct seen_request {
  std::string method;
  std::string target;                         ///< path and query, as they came
  std::map<std::string, std::string> headers; ///< by names in lower case

  std::string header(const std::string& name) const {
    auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::size_t cut = std::string::npos; ///< so many bytes of the body go out, and then the connection is cut
  bool hang = false;                   ///< no answer until the other side hangs up
  bool unsized = false;                ///< no Content-Length: the body ends with the connection
};

/// A server of HTTP/1.1 on a free port of 127.0.0.1, a thread for each connection. Its end waits for all.
class http_listener {
public:
  /// Answers a request; called by several threads at once.
  using handler = std::function<reply(const seen_request&)>;

  explicit http_listener(handler answer);
  ~http_listener();
  http_listener(const http_listener&) = delete;
  http_listener& operator=(const http_listener&) = delete;

  /// "http://127.0.0.1:PORT".
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

private:
  void accept_all();
  void serve(int file) const;

  handler answer_;
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  bool ending_ = false;
  std::list<int> open_;
  std::list<std::thread> connections_;
  std::thread accepting_;
};

} // namespace vef::test
