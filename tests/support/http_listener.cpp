#include "support/http_listener.hpp"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vef::test {

namespace {

constexpr std::string_view blank_line = "\r\n\r\n";

// The next head of a request; empty when the other side has hung up.
std::string read_head(int file, std::string& ahead) {
  char buffer[4096];
  for (;;) {
    if (auto end = ahead.find(blank_line); end != ahead.npos) {
      auto head = ahead.substr(0, end + 2);
      ahead.erase(0, end + blank_line.size());
      return head;
    }
    auto n = ::recv(file, buffer, sizeof buffer, 0);
    if (n <= 0) return {};
    ahead.append(buffer, static_cast<std::size_t>(n));
  }
}

seen_request parse(const std::string& head) {
  seen_request out;
  auto end = head.find("\r\n");
  auto line = head.substr(0, end);
  out.method = line.substr(0, line.find(' '));
  out.target = line.substr(out.method.size() + 1, line.rfind(' ') - out.method.size() - 1);
  while ((end += 2) < head.size()) {
    auto next = head.find("\r\n", end);
    auto field = head.substr(end, next - end);
    auto colon = field.find(':');
    auto name = field.substr(0, colon);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    out.headers[name] = field.substr(std::min(field.size(), colon + 2));
    end = next;
  }
  return out;
}

std::string text_of(const reply& x, bool with_body) {
  auto out = "HTTP/1.1 " + std::to_string(x.status) + " Whatever\r\n";
  for (const auto& [name, value] : x.headers) out += name + ": " + value + "\r\n";
  auto sized = std::ranges::any_of(x.headers, [](const auto& h) { return h.first == "Content-Length"; });
  if (x.unsized) out += "Connection: close\r\n";
  if (!x.unsized && !sized) out += "Content-Length: " + std::to_string(x.body.size()) + "\r\n";
  out += "\r\n";
  return with_body ? out + x.body.substr(0, x.cut) : out;
}

bool send_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::send(file, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

} // namespace

http_listener::http_listener(handler answer)
    : answer_(std::move(answer)) {
  listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  auto address = reinterpret_cast<sockaddr*>(&place);
  if (::bind(listening_, address, size) != 0 || ::listen(listening_, 64) != 0
      || ::getsockname(listening_, address, &size) != 0)
    throw std::runtime_error("cannot listen on 127.0.0.1");
  port_ = ntohs(place.sin_port);
  accepting_ = std::thread{[this] { accept_all(); }};
}

http_listener::~http_listener() {
  {
    std::lock_guard lock{mutex_};
    ending_ = true;
    ::shutdown(listening_, SHUT_RDWR);
    for (auto file : open_) ::shutdown(file, SHUT_RDWR);
  }
  accepting_.join();
  for (auto& x : connections_) x.join();
  for (auto file : open_) ::close(file);
  ::close(listening_);
}

void http_listener::accept_all() {
  for (;;) {
    auto file = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    std::lock_guard lock{mutex_};
    if (file >= 0) open_.push_back(file);
    if (file < 0 || ending_) return;
    connections_.emplace_back([this, file] { serve(file); });
  }
}

// The number stays taken until the end, so that nobody shuts down another's connection.
void http_listener::serve(int file) const {
  std::string ahead;
  for (;;) {
    auto head = read_head(file, ahead);
    if (head.empty()) break;
    auto request = parse(head);
    auto answer = answer_(request);
    if (answer.hang) {
      read_head(file, ahead);
      break;
    }
    auto whole = send_all(file, text_of(answer, request.method != "HEAD"));
    if (!whole || answer.unsized || (answer.cut != answer.body.npos && request.method != "HEAD")) break;
  }
  ::shutdown(file, SHUT_RDWR);
}

} // namespace vef::test
