// Who is let in: nodes and clients with bad certificates, of other versions, at bad addresses, and bytes from
// anybody.
#include "network/node_fixture.hpp"
#include "network/raw_peer.hpp"
#include "network/rude_peer.hpp"

#include <vef/nodes/tls_files.hpp>

#include <caf/io/middleman.hpp>
#include <caf/openssl/publish.hpp>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <random>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

std::shared_ptr<FILE> opened(const fs::path& file, const char* how) {
  return {std::fopen(file.c_str(), how), [](FILE* x) { x ? std::fclose(x) : 0; }};
}

/// Puts one in the place of a certificate that differs in that it expired long ago.
void expire(const fs::path& folder, const fs::path& authority) {
  std::shared_ptr<X509> x{
      PEM_read_X509(opened(folder / "certificate.pem", "r").get(), nullptr, nullptr, nullptr), X509_free};
  std::shared_ptr<EVP_PKEY> key{
      PEM_read_PrivateKey(opened(authority / "ca-key.pem", "r").get(), nullptr, nullptr, nullptr),
      EVP_PKEY_free};
  ASN1_TIME_set_string_X509(X509_getm_notBefore(x.get()), "20200101000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(x.get()), "20200701120000Z");
  X509_sign(x.get(), key.get(), EVP_sha256());
  PEM_write_X509(opened(folder / "certificate.pem.new", "w").get(), x.get());
  fs::rename(folder / "certificate.pem.new", folder / "certificate.pem");
}

/// Why a client is not connected.
error refusal_of(const std::string& node, const network_options& network) {
  auto there = remote_host({parse_address(node).value()}, network);
  return there ? error{} : there.error();
}

bool says(const error& x, errc code, const std::string& words) {
  return x.code == code && x.what.find(words) != x.what.npos;
}

/// A node, a client that it serves, and what others try to come in with.
class one_node : public node_fixture {
public:
  one_node() {
    start({.name = "a"});
    by = connect({"a"});
    REQUIRE(serves());
  }

  /// The client that was there before.
  bool serves() { return (*by)->embed(request_for(1, 4)).all_ok(); }

  fs::path stranger() {
    or_throw(write_authority(folder / "other authority", "tests", std::chrono::days{2}));
    or_throw(
        write_node(folder / "other authority", folder / "stranger", {"127.0.0.1"}, std::chrono::days{1}));
    return folder / "stranger";
  }

  std::unique_ptr<client> by;
};

/// Answers as the door of a node of another version would.
class other_version {
public:
  explicit other_version(std::uint32_t protocol, const fs::path& tls) {
    or_throw(prepare_network(config_, {.tls = tls}));
    system_ = std::make_unique<caf::actor_system>(config_);
    door_ = system_->spawn([protocol]() -> door_actor::behavior_type {
      return {[protocol](hello_atom, const peer_version&) {
                return peer_version{.protocol = protocol, .version = "7.8.9"};
              },
              [](hello_atom, const session_hello&) -> caf::result<session_welcome> {
                return to_caf(error{errc::internal, "somebody of another version opens a session"});
              }};
    });
    port_ = *caf::openssl::publish(door_, 0, "127.0.0.1");
  }
  ~other_version() { caf::anon_send_exit(door_, caf::exit_reason::user_shutdown); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

private:
  runtime_host::config_type config_;
  std::unique_ptr<caf::actor_system> system_;
  door_actor door_;
  std::uint16_t port_ = 0;
};

} // namespace

TEST_CASE_METHOD(one_node,
                 "a client with a stranger's, an expired or no certificate is told why, and others go on") {
  CHECK(says(refusal_of(address("a"), {.tls = stranger()}), errc::not_trusted, "no trust between"));
  auto old = member("old", {"127.0.0.1"});
  expire(old, folder / "authority");
  CHECK(says(refusal_of(address("a"), {.tls = old}), errc::not_trusted, "is expired since 2020-07-01"));
  auto none = member("none", {"127.0.0.1"});
  fs::remove(none / "certificate.pem");
  CHECK(says(refusal_of(address("a"), {.tls = none}), errc::file_not_found, "certificate.pem"));
  CHECK(says(refusal_of(address("a"), {.insecure = true}), errc::unreachable, "does it want TLS?"));
  CHECK(serves());
}

TEST_CASE_METHOD(one_node,
                 "a node lets nobody in who shows no certificate, or one that is not of its authority") {
  std::shared_ptr<SSL_CTX> anonymous{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  CHECK_FALSE(lets_in(address("a"), anonymous.get()));
  auto foreign = or_throw(tls_context(stranger()));
  SSL_CTX_set_verify(foreign.get(), SSL_VERIFY_NONE, nullptr); // it is less choosy than the node
  CHECK_FALSE(lets_in(address("a"), foreign.get()));
  auto old = member("old", {"127.0.0.1"});
  expire(old, folder / "authority");
  auto expired = or_throw(tls_context(old));
  CHECK_FALSE(lets_in(address("a"), expired.get()));
  CHECK(lets_in(address("a"), or_throw(tls_context(tls())).get()));
  CHECK(serves());
}

TEST_CASE_METHOD(node_fixture,
                 "a node whose certificate expires while it runs keeps its peers, and new ones are told") {
  start({.name = "a", .tls = member("its own", {"127.0.0.1"})});
  auto by = connect({"a"});
  expire(folder / "its own", folder / "authority");
  CHECK(says(refusal_of(address("a"), {.tls = tls()}), errc::not_trusted, "is expired since 2020-07-01"));
  CHECK((*by)->embed(request_for(1, 4)).all_ok());
}

TEST_CASE_METHOD(node_fixture,
                 "a node that is reached by a name that its certificate is not for is not believed") {
  start({.name = "a", .words = {"advertise=localhost"}, .tls = member("local", {"localhost"})});
  auto port = parse_address(address("a")).value().port;
  CHECK(says(refusal_of("127.0.0.1:" + std::to_string(port), {.tls = tls()}), errc::not_trusted,
             "is for other hosts: 'localhost'"));
  auto by = connect({"a"});
  CHECK((*by)->embed(request_for(1, 4)).all_ok());
}

TEST_CASE_METHOD(node_fixture,
                 "a node does not start with a certificate that is of no use, and says what is wrong") {
  auto elsewhere = member("elsewhere", {"photos.example.org"});
  CHECK(refusal({.name = "a", .tls = elsewhere}).find("is for 'photos.example.org'") != std::string::npos);
  auto open = member("open", {"127.0.0.1"});
  fs::permissions(open / "key.pem", fs::perms::others_read, fs::perm_options::add);
  CHECK(refusal({.name = "a", .tls = open}).find("key.pem") != std::string::npos);
  auto old = member("old", {"127.0.0.1"});
  expire(old, folder / "authority");
  CHECK(refusal({.name = "a", .tls = old}).find("is expired since") != std::string::npos);
}

TEST_CASE_METHOD(one_node, "a node of strangers does not become a member, and its log says why") {
  auto& other = start({.name = "x", .join = {"a"}, .tls = stranger()});
  CHECK(comes([&] { return other.log().find("no trust between") != std::string::npos; }));
  CHECK(view("a").nodes.size() == 1);
  CHECK(serves());
}

TEST_CASE_METHOD(node_fixture,
                 "of two versions that do not understand each other the one that is too old is named") {
  other_version newer{protocol + 1, tls()}, older{protocol - 1, tls()};
  CHECK(says(refusal_of(newer.address(), {.tls = tls()}), errc::incompatible_version,
             "version 7.8.9 (protocol " + std::to_string(protocol + 1) + ")"));
  CHECK(says(refusal_of(newer.address(), {.tls = tls()}), errc::incompatible_version,
             "this program is too old"));
  CHECK(
      says(refusal_of(older.address(), {.tls = tls()}), errc::incompatible_version, "that node is too old"));
}

TEST_CASE_METHOD(one_node, "a node that finds its port taken, or nobody by the name of a host, says so") {
  CHECK(refusal({.name = "b", .listen = address("a")}).find("is taken by another program")
        != std::string::npos);
  CHECK(says(refusal_of("no-such-host.invalid:7400", {.tls = tls()}), errc::unreachable,
             "'no-such-host.invalid'"));
}

TEST_CASE_METHOD(one_node, "whatever bytes come to a node's port, its peers are served") {
  auto& node = (*this)["a"];
  auto before = node.resident_bytes();
  std::mt19937 dice{7};
  std::vector<rude_peer> left_open;
  auto hello = client_hello();
  auto noise = [&](std::size_t size) {
    std::string out;
    while (out.size() < size) out += static_cast<char>(dice());
    return out;
  };
  for (std::size_t i = 1; i <= 40; ++i) {
    rude_peer{address("a")}.send(noise(i * i));
    rude_peer{address("a")}.send(hello.substr(0, hello.size() * i / 41));
    rude_peer{address("a")}.send(hello + noise(i));
    left_open.emplace_back(address("a")).send(hello.substr(0, i));
  }
  rude_peer{address("a")}.send(std::string(32, '\0')); // a header of CAF's, which a port without TLS dies of
  rude_peer{address("a")}.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 200; ++i) left_open.emplace_back(address("a"));
  CHECK(serves());
  CHECK(comes([&] { return !refusal_of(address("a"), {.tls = tls()}); })); // after all those before it
  CHECK(serves());
  CHECK(node.lives());
  CHECK(node.resident_bytes() < before + 64_MiB);
}
