#pragma once

#include <vef/backends/descriptor.hpp>
#include <vef/nodes/address.hpp>

#include <openssl/ssl.h>

#include <memory>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace vef::test {

/// A connection without any manners.
class rude_peer {
public:
  explicit rude_peer(const std::string& to)
      : file_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    auto address = parse_address(to).value();
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &place.sin_addr);
    if (::connect(file_.number(), reinterpret_cast<sockaddr*>(&place), sizeof place) != 0)
      throw std::runtime_error("nobody takes a connection at " + to);
  }

  /// What the other side does not take is lost.
  void send(const std::string& bytes) const {
    (void)::send(file_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  int number() const { return file_.number(); }

private:
  descriptor file_;
};

/// The first bytes of a handshake.
inline std::string client_hello() {
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  std::unique_ptr<SSL, void (*)(SSL*)> connection{SSL_new(context.get()), SSL_free};
  auto out = BIO_new(BIO_s_mem());
  SSL_set_bio(connection.get(), BIO_new(BIO_s_mem()), out);
  SSL_connect(connection.get());
  char* bytes = nullptr;
  auto size = BIO_get_mem_data(out, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

/// Whether a server lets somebody with this context in: says something through TLS.
inline bool lets_in(const std::string& server, SSL_CTX* context) {
  rude_peer to{server};
  std::unique_ptr<SSL, void (*)(SSL*)> connection{SSL_new(context), SSL_free};
  SSL_set_fd(connection.get(), to.number());
  char first = 0;
  return SSL_connect(connection.get()) == 1 && SSL_read(connection.get(), &first, 1) == 1;
}

} // namespace vef::test
