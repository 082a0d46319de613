#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/backends/descriptor.hpp>
#include <vef/nodes/certificate_files.hpp>
#include <vef/nodes/reach.hpp>
#include <vef/nodes/tls_files.hpp>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <csignal>
#include <functional>
#include <stdexcept>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>

using namespace vef;
using namespace std::chrono_literals;
using std::chrono::days;
namespace fs = std::filesystem;

namespace {

constexpr auto plenty = 20s;
constexpr auto little = 50ms;

// A port of this machine's that somebody listens at, and takes no connection from.
struct listener {
  descriptor file{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  node_address address{"127.0.0.1", 0};

  listener() {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof place;
    auto at = reinterpret_cast<sockaddr*>(&place);
    if (::bind(file.number(), at, size) != 0 || ::listen(file.number(), 8) != 0
        || ::getsockname(file.number(), at, &size) != 0)
      throw std::runtime_error("cannot listen on 127.0.0.1");
    address.port = ntohs(place.sin_port);
  }
};

// Serves one connection after the other, on a thread of its own, which does not die of SIGPIPE.
class server : public listener {
public:
  explicit server(std::function<void(int)> serve)
      : thread_([this, serve = std::move(serve)] {
        sigset_t broken_pipe;
        ::sigemptyset(&broken_pipe);
        ::sigaddset(&broken_pipe, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
        for (;;) {
          descriptor taken{::accept(file.number(), nullptr, nullptr)};
          if (!taken) return;
          serve(taken.number());
        }
      }) {}
  ~server() {
    ::shutdown(file.number(), SHUT_RDWR);
    thread_.join();
  }

private:
  std::thread thread_;
};

auto says(std::string words) {
  return [words = std::move(words)](int file) { ::send(file, words.data(), words.size(), MSG_NOSIGNAL); };
}

// Takes a connection with TLS as a node does, and says something once it has accepted the other side.
auto says_secretly(std::shared_ptr<SSL_CTX> context, std::string words = "hello") {
  return [context = std::move(context), words = std::move(words)](int file) {
    std::unique_ptr<SSL, void (*)(SSL*)> connection{SSL_new(context.get()), SSL_free};
    SSL_set_fd(connection.get(), file);
    if (SSL_accept(connection.get()) != 1 || words.empty()) return;
    SSL_write(connection.get(), words.data(), static_cast<int>(words.size()));
    char farewell = 0;
    SSL_read(connection.get(), &farewell, 1);
  };
}

auto node_with(const fs::path& folder) { return says_secretly(tls_context(folder).value()); }

// Two deployments.
struct deployments {
  test::scratch home;
  fs::path ours = home / "ours", theirs = home / "theirs";
  fs::path us = ours / "us", node = ours / "node", stranger = theirs / "node";

  deployments() {
    for (const auto& x : {ours, theirs}) {
      REQUIRE(write_authority(x, "an authority", days{1000}));
      REQUIRE(write_node(x, x / "node", {"127.0.0.1", "localhost"}, days{100}));
    }
    REQUIRE(write_node(ours, us, {"us.client.invalid"}, days{100}));
  }

  error problem(const node_address& at, std::chrono::milliseconds limit = plenty) const {
    auto there = reach(at, us, limit);
    return there ? error{} : there.error();
  }
};

error plain_problem(const node_address& at, std::chrono::milliseconds limit = plenty) {
  auto there = reach(at, {}, limit);
  return there ? error{} : there.error();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// The certificate in a folder, as it would be had it been made long ago.
void expire(const fs::path& folder, const fs::path& authority) {
  auto opened = [](const fs::path& x, const char* mode) {
    return std::shared_ptr<BIO>{BIO_new_file(x.c_str(), mode), BIO_free_all};
  };
  auto certificate = folder / "certificate.pem";
  std::shared_ptr<X509> x{PEM_read_bio_X509(opened(certificate, "r").get(), nullptr, nullptr, nullptr),
                          X509_free};
  std::shared_ptr<EVP_PKEY> key{
      PEM_read_bio_PrivateKey(opened(authority / "ca-key.pem", "r").get(), nullptr, nullptr, nullptr),
      EVP_PKEY_free};
  ASN1_TIME_set_string_X509(X509_getm_notBefore(x.get()), "20200101000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(x.get()), "20200701120000Z");
  X509_sign(x.get(), key.get(), EVP_sha256());
  REQUIRE(PEM_write_bio_X509(opened(certificate, "w").get(), x.get()) == 1);
}

std::size_t open_files() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator{"/proc/self/fd"}, {}));
}

} // namespace

TEST_CASE("a node of our deployment is reached, by each of its names") {
  deployments x;
  server node{node_with(x.node)};
  CHECK(x.problem(node.address) == error{});
  CHECK(x.problem({"localhost", node.address.port}) == error{});
}

TEST_CASE("a node without TLS is reached without TLS") {
  server node{says("hello")};
  CHECK(plain_problem(node.address) == error{});
}

TEST_CASE("a port that nobody listens at is unreachable at once") {
  deployments x;
  node_address address = listener{}.address; // which is gone by now
  CHECK(plain_problem(address).code == errc::unreachable);
  CHECK(
      contains(plain_problem(address).what, "cannot reach " + to_string(address) + ": nobody listens there"));
  CHECK(x.problem(address) == plain_problem(address));
}

TEST_CASE("a host that is none is named") {
  auto problem = plain_problem({"no-such-host.invalid", 7400});
  CHECK(problem.code == errc::unreachable);
  CHECK(contains(problem.what, "host 'no-such-host.invalid'"));
}

TEST_CASE("who takes a connection and says nothing is waited for until the limit") {
  deployments x;
  listener silent;
  CHECK(x.problem(silent.address, little).code == errc::unreachable);
  CHECK(contains(x.problem(silent.address, little).what, "said too little within 50 ms"));
  CHECK(plain_problem(silent.address, little).code == errc::unreachable);
  CHECK(contains(plain_problem(silent.address, little).what, "said nothing within 50 ms; does it want TLS?"));
}

TEST_CASE("who hangs up is unreachable") {
  deployments x;
  server rude{says("")};
  CHECK(x.problem(rude.address).code == errc::unreachable);
  CHECK(contains(plain_problem(rude.address).what, "hung up without a word"));
  server sudden{says_secretly(tls_context(x.node).value(), "")};
  CHECK(contains(x.problem(sudden.address).what, "hung up without a reason"));
}

TEST_CASE("a node that speaks no TLS is told from one that speaks it badly") {
  deployments x;
  server plain{says("SSH-2.0")};
  CHECK(x.problem(plain.address).code == errc::not_trusted);
  CHECK(contains(x.problem(plain.address).what, "speaks no TLS; is it started with --insecure?"));
  server bad{says(std::string{"\x16\x03\x03\x00\x04\x63\x00\x00\x00", 9})};
  CHECK(x.problem(bad.address).code == errc::unreachable);
  CHECK(contains(x.problem(bad.address).what, "the TLS handshake failed: "));
}

TEST_CASE("a node whose certificate is expired is not trusted, and it is said since when") {
  deployments x;
  expire(x.node, x.ours);
  server node{node_with(x.node)};
  CHECK(x.problem(node.address).code == errc::not_trusted);
  CHECK(contains(x.problem(node.address).what, "its certificate is expired since 2020-07-01 12:00 UTC"));
}

TEST_CASE("a node of a stranger's is not trusted") {
  deployments x;
  server node{node_with(x.stranger)};
  CHECK(x.problem(node.address).code == errc::not_trusted);
  CHECK(contains(x.problem(node.address).what, "us: its certificate is a stranger's"));
}

TEST_CASE("a node with a certificate for other hosts is not trusted, and they are named") {
  deployments x;
  REQUIRE(write_node(x.ours, x.ours / "other", {"gpu1", "10.0.0.1"}, days{100}));
  server node{node_with(x.ours / "other")};
  for (auto host : {"127.0.0.1", "localhost"}) {
    auto problem = x.problem({host, node.address.port});
    CHECK(problem.code == errc::not_trusted);
    CHECK(contains(problem.what, "for other hosts: 'gpu1', '10.0.0.1'"));
  }
}

TEST_CASE("a node that does not believe our authority says so, in each version of TLS") {
  deployments x;
  auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  fs::copy_file(x.theirs / "ca.pem", x.node / "ca.pem", fs::copy_options::overwrite_existing);
  auto context = tls_context(x.node).value();
  SSL_CTX_set_max_proto_version(context.get(), version);
  server node{says_secretly(context)};
  CHECK(x.problem(node.address).code == errc::not_trusted);
  CHECK(contains(x.problem(node.address).what, "not accept our certificate '" + x.us.string()));
  CHECK(contains(x.problem(node.address).what, "no authority that it believes signed it"));
}

TEST_CASE("a node for which our certificate is expired says so") {
  deployments x;
  auto context = tls_context(x.node).value();
  auto later = std::chrono::system_clock::now() + days{200};
  X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(context.get()), std::chrono::system_clock::to_time_t(later));
  server node{says_secretly(context)};
  CHECK(x.problem(node.address).code == errc::not_trusted);
  CHECK(contains(x.problem(node.address).what, "it is expired there"));
}

TEST_CASE("files of our own that can't be used are named before anybody is connected to") {
  deployments x;
  node_address nobody = listener{}.address;
  fs::permissions(x.us / "key.pem", fs::perms::group_read, fs::perm_options::add);
  CHECK(contains(x.problem(nobody).what, "chmod 600"));
  fs::permissions(x.us / "key.pem", fs::perms::group_read, fs::perm_options::remove);
  expire(x.us, x.ours);
  CHECK(contains(x.problem(nobody).what, "it is expired since 2020-07-01"));
  fs::remove(x.us / "certificate.pem");
  CHECK(x.problem(nobody).code == errc::file_not_found);
  fs::create_symlink("certificate.pem", x.us / "certificate.pem");
  CHECK(x.problem(nobody).code == errc::file_unreadable);
}

TEST_CASE("no attempt leaves an open file") {
  deployments x;
  server node{node_with(x.node)}, stranger{node_with(x.stranger)}, plain{says("hello")};
  listener silent;
  auto all = [&] {
    for (const auto& at : {node.address, stranger.address, plain.address}) std::ignore = x.problem(at);
    std::ignore = x.problem(silent.address, little);
    std::ignore = plain_problem(plain.address);
    std::ignore = plain_problem(silent.address, little);
    std::ignore = free_port(node.address);
    std::ignore = free_port({"127.0.0.1", 0});
  };
  all(); // what stays open for good, as for random numbers
  auto before = open_files();
  for (int i = 0; i < 4; ++i) all();
  CHECK(open_files() <= before + 3); // of those, each of the servers may be about to close one
}

TEST_CASE("a port that another program listens at is taken, and free when that one is gone") {
  node_address address;
  {
    listener other;
    address = other.address;
    auto taken = free_port(address);
    REQUIRE_FALSE(taken);
    CHECK(taken.error().code == errc::address_taken);
    CHECK(taken.error().what
          == "port " + std::to_string(address.port) + " of 127.0.0.1 is taken by another program");
    CHECK(free_port({"localhost", address.port}).error().code == errc::address_taken);
  }
  CHECK(free_port(address));
  CHECK(free_port({"127.0.0.1", 0}));
}

TEST_CASE("an address that this machine does not have is not listened at") {
  auto refused = free_port({"192.0.2.1", 0}); // of nobody (RFC 5737)
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK(contains(refused.error().what, "192.0.2.1 is no address of this machine"));
  CHECK(free_port({"no-such-host.invalid", 0}).error().code == errc::unreachable);
}
