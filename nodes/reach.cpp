#include <vef/nodes/reach.hpp>

#include <vef/backends/descriptor.hpp>
#include <vef/nodes/tls_files.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <tuple>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

namespace vef {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string text_of(milliseconds x) {
  auto n = x.count();
  return n % 1000 == 0 ? std::to_string(n / 1000) + " s" : std::to_string(n) + " ms";
}

auto cannot_reach(const node_address& address, const std::string& why) {
  return fail(errc::unreachable, "cannot reach " + to_string(address) + ": " + why);
}

auto distrust(const node_address& address, const std::string& why) {
  return fail(errc::not_trusted, "no trust between " + to_string(address) + " and us: " + why);
}

// -- sockets ------------------------------------------------------------------------------------------------

using addresses = std::shared_ptr<addrinfo>;

result<addresses> resolve(const node_address& address, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  auto problem = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (problem == 0) return addresses{found, ::freeaddrinfo};
  auto host = vef::quoted(address.host);
  if (problem == EAI_NONAME) return cannot_reach(address, "there is no host " + host);
  auto why = problem == EAI_SYSTEM ? std::generic_category().message(errno) : ::gai_strerror(problem);
  return cannot_reach(address, "the host " + host + " has no known address: " + why);
}

// At least once, so that what is there already is seen after the end, too.
bool wait_for(int file, short events, clock::time_point end) {
  for (;;) {
    auto left = std::chrono::ceil<milliseconds>(end - clock::now());
    pollfd wanted{file, events, 0};
    auto n = ::poll(&wanted, 1, static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 1'000'000)));
    if (n >= 0 || errno != EINTR) return n > 0;
  }
}

descriptor open_socket(const addrinfo& x) {
  return descriptor{::socket(x.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, x.ai_protocol)};
}

// An errno, 0 for none.
int connect_one(const descriptor& file, const addrinfo& to, clock::time_point end) {
  if (!file) return errno;
  if (::connect(file.number(), to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS && errno != EINTR) return errno;
  if (!wait_for(file.number(), POLLOUT, end)) return ETIMEDOUT;
  int problem = 0;
  socklen_t size = sizeof problem;
  return ::getsockopt(file.number(), SOL_SOCKET, SO_ERROR, &problem, &size) == 0 ? problem : errno;
}

// One address after the other, each with its share of the time that is left.
result<descriptor> connect(const node_address& address, milliseconds limit, clock::time_point end) {
  auto found = resolve(address, 0);
  if (!found) return fail(found.error());
  int count = 0, problem = 0;
  for (auto x = found->get(); x; x = x->ai_next) ++count;
  for (auto x = found->get(); x; x = x->ai_next, --count) {
    auto file = open_socket(*x);
    auto now = clock::now();
    problem = connect_one(file, *x, now + (end - now) / count);
    if (problem == 0) return file;
  }
  return cannot_reach(address, problem == ECONNREFUSED ? "nobody listens there (connection refused)"
                               : problem == ETIMEDOUT  ? "no answer within " + text_of(limit)
                                                       : std::generic_category().message(problem));
}

// -- TLS ----------------------------------------------------------------------------------------------------

// What was wrong with the other side's certificate.
struct verdict {
  int problem = X509_V_OK;
  int depth = 0; // 0: its own; more: of an authority
  std::string certificate = {};
};

int judge(X509_STORE_CTX* context, void* out) {
  if (X509_verify_cert(context) == 1) return 1;
  auto& x = *static_cast<verdict*>(out);
  x.problem = X509_STORE_CTX_get_error(context);
  x.depth = X509_STORE_CTX_get_error_depth(context);
  unsigned char* bytes = nullptr;
  if (auto size = i2d_X509(X509_STORE_CTX_get_current_cert(context), &bytes); size > 0) {
    x.certificate.assign(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
  }
  return 0;
}

std::string text_of(const verdict& x) {
  auto facts = parse_certificate(x.certificate).value_or(certificate_facts{});
  if (x.problem == X509_V_ERR_HOSTNAME_MISMATCH || x.problem == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    std::string hosts;
    for (const auto& host : facts.hosts) hosts += (hosts.empty() ? "" : ", ") + vef::quoted(host);
    return "its certificate is for other hosts: " + (hosts.empty() ? "none" : hosts);
  }
  // Strangers send their authority along.
  auto own = x.depth == 0 || x.problem == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
  return (own ? "its certificate " : "its authority's certificate ") + trust_problem(x.problem, facts);
}

// Why the other side does not accept our certificate; empty for an error that is no such alert.
std::string refusal_of(unsigned long code) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return {};
  auto alert = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
  if (alert == SSL_AD_UNKNOWN_CA)
    return "no authority that it believes signed it; both sides need one authority";
  if (alert == SSL_AD_CERTIFICATE_EXPIRED) return "it is expired there; make a new one, or look at its clock";
  auto is_meant = (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN)
                  || alert == TLS13_AD_CERTIFICATE_REQUIRED; // RFC 8446, 6.2: 42 to 46, and 116
  return is_meant ? SSL_alert_desc_string_long(alert) : "";
}

enum class ending { spoke, silent, closed, without_tls, failed };

// A connection with TLS over memory: so no write raises SIGPIPE, and each wait has its end.
class tls_talk {
public:
  tls_talk(SSL_CTX* context, const node_address& to, int file, clock::time_point end)
      : connection_(SSL_new(context), SSL_free)
      , file_(file)
      , end_(end) {
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(connection_.get(), in_, out_);
    auto host = to.host.substr(0, to.host.find('%')); // a zone is ours alone
    auto wanted = SSL_get0_param(connection_.get());
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1) return;
    ERR_clear_error();
    X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size());
    SSL_set_tlsext_host_name(connection_.get(), host.c_str());
  }

  /// Until the other side says something, through TLS, or something fails.
  ending run() {
    for (;;) {
      ERR_clear_error();
      char first = 0;
      auto talking = shaken();
      auto done = talking ? SSL_read(connection_.get(), &first, 1) : SSL_connect(connection_.get());
      auto problem = SSL_get_error(connection_.get(), done);
      error_ = ERR_peek_error();
      if (done == 1 && talking) SSL_shutdown(connection_.get()); // a farewell
      send(); // what can't be sent can't be helped: the other side may have said why
      if (done == 1 && talking) return ending::spoke;
      if (done == 1) continue;
      if (problem == SSL_ERROR_ZERO_RETURN) return ending::closed;
      if (problem != SSL_ERROR_WANT_READ) return ending::failed;
      if (auto end = receive(); end != ending::spoke) return end;
    }
  }

  unsigned long error() const { return error_; }
  bool shaken() const { return SSL_is_init_finished(connection_.get()) == 1; }

private:
  void send() {
    char* bytes = nullptr;
    auto size = static_cast<std::size_t>(BIO_get_mem_data(out_, &bytes));
    while (size > 0) {
      auto n = ::send(file_, bytes, size, MSG_NOSIGNAL);
      if (n < 0 && (errno == EINTR || (errno == EAGAIN && wait_for(file_, POLLOUT, end_)))) continue;
      if (n <= 0) break;
      bytes += n;
      size -= static_cast<std::size_t>(n);
    }
    std::ignore = BIO_reset(out_);
  }

  ending receive() {
    char bytes[4096];
    if (!wait_for(file_, POLLIN, end_)) return ending::silent;
    auto n = ::recv(file_, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return ending::spoke;
    if (n <= 0) return ending::closed;
    // A record that a server begins with: an alert or a part of the handshake (RFC 8446, 5.1).
    if (!heard_ && bytes[0] != 21 && bytes[0] != 22) return ending::without_tls;
    heard_ = true;
    BIO_write(in_, bytes, static_cast<int>(n));
    return ending::spoke;
  }

  std::unique_ptr<SSL, void (*)(SSL*)> connection_;
  BIO* in_; // the connection's
  BIO* out_;
  int file_;
  clock::time_point end_;
  unsigned long error_ = 0;
  bool heard_ = false;
};

result<void> reach_secure(const node_address& address, const std::filesystem::path& folder,
                          milliseconds limit, clock::time_point end) {
  auto files = check_tls_files(folder, std::chrono::system_clock::now());
  if (!files) return files;
  auto context = tls_context(folder);
  if (!context) return fail(context.error());
  auto file = connect(address, limit, end);
  if (!file) return fail(file.error());
  verdict theirs;
  SSL_CTX_set_cert_verify_callback(context->get(), judge, &theirs);
  tls_talk talk{context->get(), address, file->number(), end};
  auto ended = talk.run();
  ERR_clear_error();
  switch (ended) {
  case ending::spoke: return {};
  case ending::silent:
    return cannot_reach(address, "it took the connection, and then said too little within " + text_of(limit));
  case ending::without_tls: return distrust(address, "it speaks no TLS; is it started with --insecure?");
  case ending::closed:
    return cannot_reach(address, talk.shaken() ? "it hung up without a reason, as one that does not accept "
                                                 "our certificate may"
                                               : "it hung up during the handshake");
  case ending::failed: break;
  }
  if (theirs.problem != X509_V_OK) return distrust(address, text_of(theirs));
  auto ours = vef::quoted((folder / "certificate.pem").string());
  if (auto why = refusal_of(talk.error()); !why.empty())
    return distrust(address, "it does not accept our certificate " + ours + ": " + why);
  auto words = ERR_reason_error_string(talk.error());
  return cannot_reach(address,
                      std::string{"the TLS handshake failed"} + (words ? ": " : "") + (words ? words : ""));
}

result<void> reach_plain(const node_address& address, milliseconds limit, clock::time_point end) {
  auto file = connect(address, limit, end);
  if (!file) return fail(file.error());
  if (!wait_for(file->number(), POLLIN, end))
    return cannot_reach(address, "it took the connection, and said nothing within " + text_of(limit)
                                     + "; does it want TLS?");
  char first = 0;
  if (::recv(file->number(), &first, 1, 0) == 1) return {};
  return cannot_reach(address, "it hung up without a word");
}

} // namespace

result<void> reach(const node_address& address, const std::filesystem::path& tls, milliseconds limit) {
  auto end = clock::now() + limit;
  return tls.empty() ? reach_plain(address, limit, end) : reach_secure(address, tls, limit, end);
}

result<void> free_port(const node_address& address) {
  auto found = resolve(address, AI_PASSIVE);
  if (!found) return fail(found.error());
  auto port = "port " + std::to_string(address.port) + " of " + address.host;
  auto problem = 0;
  auto any = false;
  for (auto x = found->get(); x; x = x->ai_next) {
    auto file = open_socket(*x);
    int yes = 1;
    auto bound = file && ::setsockopt(file.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0
                 && ::bind(file.number(), x->ai_addr, x->ai_addrlen) == 0;
    any = any || bound;
    if (!bound) problem = errno;
    if (problem == EADDRINUSE) return fail(errc::address_taken, port + " is taken by another program");
  }
  if (any) return {};
  auto absent = problem == EADDRNOTAVAIL || problem == EAFNOSUPPORT;
  auto why = absent              ? address.host + " is no address of this machine"
             : problem == EACCES ? "this user can't have that port; choose one above 1023"
                                 : std::generic_category().message(problem);
  return fail(errc::invalid_argument, "cannot listen at " + to_string(address) + ": " + why);
}

} // namespace vef
