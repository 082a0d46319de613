// OpenSSL keeps what went wrong in a queue of the thread, and SSL_get_error looks at that queue as well as at
// the result of the last operation: "the current thread's error queue must be empty before the TLS/SSL I/O
// operation is attempted" (SSL_get_error(3)). CAF 0.17 does not see to that. All of its connections live in
// one thread, and so a peer that ends without a farewell, as one that is killed does, leaves an error there
// which the next operation of any other connection takes for its own: one death closed the connections to
// all.
//
// These definitions stand before those of libssl for whatever is in the program, empty the queue, and go on
// to the real ones. For code that keeps to the rule nothing changes.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstdlib>

#include <dlfcn.h>

namespace {

template <class Function> Function* real(const char* name) {
  auto found = ::dlsym(RTLD_NEXT, name);
  if (!found) std::abort(); // libssl is linked: its functions are there
  return reinterpret_cast<Function*>(found);
}

} // namespace

extern "C" {

int SSL_read(SSL* connection, void* bytes, int count) {
  static const auto next = real<int(SSL*, void*, int)>("SSL_read");
  ERR_clear_error();
  return next(connection, bytes, count);
}

int SSL_write(SSL* connection, const void* bytes, int count) {
  static const auto next = real<int(SSL*, const void*, int)>("SSL_write");
  ERR_clear_error();
  return next(connection, bytes, count);
}

int SSL_accept(SSL* connection) {
  static const auto next = real<int(SSL*)>("SSL_accept");
  ERR_clear_error();
  return next(connection);
}

int SSL_connect(SSL* connection) {
  static const auto next = real<int(SSL*)>("SSL_connect");
  ERR_clear_error();
  return next(connection);
}

} // extern "C"

namespace vef {

// Named by whoever needs the above, so that a linker takes this file out of its library.
void keep_tls_errors_apart() {}

} // namespace vef
