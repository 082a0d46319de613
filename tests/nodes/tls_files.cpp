#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/nodes/certificate_files.hpp>
#include <vef/nodes/tls_files.hpp>
#include <vef/supervisor/isolation/certificates.hpp>

#include <unistd.h>

using namespace vef;
using namespace std::chrono_literals;
using std::chrono::days;
namespace fs = std::filesystem;

namespace {

// A node's files, good ones, beside their authority.
struct node_files {
  test::scratch home;
  fs::path authority = home / "authority";
  fs::path folder = home / "node";

  node_files() {
    REQUIRE(write_authority(authority, "an authority", days{300}));
    REQUIRE(write_node(authority, folder, {"gpu1", "*.example.org", "10.0.0.1", "::1"}, days{100}));
  }

  void replace(const char* name, const std::string& content) const {
    fs::remove_all(folder / name);
    home.put(std::string{"node/"} + name, content);
    fs::permissions(folder / name, fs::perms::owner_read | fs::perms::owner_write);
  }

  error problem(std::chrono::seconds from_now = 0s) const {
    auto good = check_tls_files(folder, std::chrono::system_clock::now() + from_now);
    return good ? error{} : good.error();
  }

  std::optional<std::string> warning(std::chrono::seconds from_now) const {
    return expiry_warning(folder, std::chrono::system_clock::now() + from_now);
  }
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

} // namespace

TEST_CASE("files of one authority are good for all of their time") {
  node_files x;
  CHECK(x.problem() == error{});
  CHECK(x.problem(days{100} - 1min) == error{});
}

TEST_CASE("the facts of a certificate are read from PEM") {
  node_files x;
  auto facts = certificate_in(x.folder).value();
  CHECK(facts.subject == "gpu1");
  CHECK(facts.hosts == std::vector<std::string>{"gpu1", "*.example.org", "10.0.0.1", "::1"});
  CHECK(facts.expires_at - facts.valid_from == days{100} + 1h);
  CHECK(parse_certificate(test::content_of(x.folder / "certificate.pem")).value().hosts == facts.hosts);
  CHECK(certificate_hosts(x.folder) == facts.hosts);
  CHECK(certificate_hosts(x.home / "nowhere").empty());
  CHECK(parse_certificate("\x30 no certificate").error().code == errc::not_trusted);
  CHECK(parse_certificate("").error().code == errc::not_trusted);
  CHECK(date_text(std::chrono::sys_days{2026y / 7 / 1} + 12h) == "2026-07-01 12:00 UTC");
}

TEST_CASE("each file that is missing is named") {
  for (auto name : {"ca.pem", "certificate.pem", "key.pem"}) {
    node_files x;
    fs::remove(x.folder / name);
    CHECK(x.problem().code == errc::file_not_found);
    CHECK(contains(x.problem().what, (x.folder / name).string()));
  }
  CHECK(check_tls_files("/nowhere", {}).error().code == errc::file_not_found);
}

TEST_CASE("a file that can't be read, or is none, is named") {
  node_files x;
  for (auto name : {"key.pem", "certificate.pem", "ca.pem"}) { // in the end all are bad, and the first counts
    fs::remove(x.folder / name);
    fs::create_symlink(name, x.folder / name); // to itself
    CHECK(x.problem().code == errc::file_unreadable);
    CHECK(contains(x.problem().what, (x.folder / name).string()));
  }
  fs::remove(x.folder / "ca.pem");
  fs::create_directory(x.folder / "ca.pem");
  CHECK(x.problem().code == errc::not_a_file);
}

TEST_CASE("a file that is no PEM is named") {
  for (auto name : {"ca.pem", "certificate.pem", "key.pem"})
    for (auto content : {"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
      node_files x;
      x.replace(name, content);
      CHECK(x.problem().code == errc::not_trusted);
      CHECK(contains(x.problem().what, (x.folder / name).string()));
    }
}

TEST_CASE("a damaged certificate after a good one is seen") {
  node_files x;
  auto good = test::content_of(x.folder / "ca.pem");
  x.replace("ca.pem", good + good);
  CHECK(x.problem() == error{});
  x.replace("ca.pem", good + good.substr(0, good.size() / 2));
  CHECK(x.problem().code == errc::not_trusted);
}

TEST_CASE("a file without an end is not read for ever") {
  node_files x;
  fs::remove(x.folder / "ca.pem");
  fs::create_symlink("/dev/zero", x.folder / "ca.pem");
  CHECK(x.problem().code == errc::not_a_file);
  x.replace("ca.pem", std::string(2 << 20, 'x'));
  CHECK(contains(x.problem().what, "too large"));
}

TEST_CASE("a key that others can read is refused, with the command that mends it") {
  node_files x;
  for (auto reader : {fs::perms::group_read, fs::perms::others_read, fs::perms::others_write}) {
    fs::permissions(x.folder / "key.pem", fs::perms::owner_read | reader);
    CHECK(x.problem().code == errc::not_trusted);
    CHECK(contains(x.problem().what, "chmod 600 '" + (x.folder / "key.pem").string() + "'"));
  }
  fs::permissions(x.folder / "key.pem", fs::perms::owner_read);
  CHECK(x.problem() == error{});
}

TEST_CASE("a key of another certificate is refused") {
  node_files x, other;
  x.replace("key.pem", test::content_of(other.folder / "key.pem"));
  CHECK(x.problem().code == errc::not_trusted);
  CHECK(contains(x.problem().what, "key.pem': it does not belong to the certificate.pem"));
}

TEST_CASE("a certificate of another authority is refused, even if the authorities have one name") {
  node_files x, other;
  x.replace("ca.pem", test::content_of(other.folder / "ca.pem"));
  CHECK(x.problem().code == errc::not_trusted);
  CHECK(contains(x.problem().what, "certificate.pem': it is a stranger's"));
}

TEST_CASE("while an authority takes the place of another, certificates of both are good") {
  node_files x, other;
  x.replace("ca.pem", test::content_of(other.folder / "ca.pem") + test::content_of(x.folder / "ca.pem"));
  CHECK(x.problem() == error{});
}

TEST_CASE("a certificate that expired says since when") {
  node_files x;
  CHECK(x.problem(days{100} + 1min).code == errc::not_trusted);
  CHECK(contains(x.problem(days{100} + 1min).what,
                 "certificate.pem': it is expired since " + date_text(certificate_in(x.folder)->expires_at)));
}

TEST_CASE("an authority that expired before its certificates is named") {
  node_files x;
  REQUIRE(write_node(x.authority, x.folder, {"gpu1"}, days{1000}, earlier_files::renew));
  CHECK(x.problem(days{299}) == error{});
  CHECK(contains(x.problem(days{301}).what, "ca.pem': it is expired since "));
}

TEST_CASE("a certificate that is not valid yet says from when on") {
  node_files x;
  CHECK(x.problem(-2h).code == errc::not_trusted);
  CHECK(contains(x.problem(-2h).what, "is not valid before "));
}

TEST_CASE("an authority's own certificate is not one for connections") {
  node_files x;
  x.replace("certificate.pem", test::content_of(x.authority / "ca.pem"));
  x.replace("key.pem", test::content_of(x.authority / "ca-key.pem"));
  CHECK(x.problem().code == errc::not_trusted);
}

TEST_CASE("a warning comes in the last fourteen days") {
  node_files x;
  CHECK_FALSE(x.warning(days{86} - 1min));
  REQUIRE(x.warning(days{86} + 1min));
  CHECK(contains(*x.warning(days{86} + 1min), "certificate.pem' expires on "));
  CHECK(x.warning(days{101}));
  REQUIRE(write_node(x.authority, x.folder, {"gpu1"}, days{1000}, earlier_files::renew));
  CHECK_FALSE(x.warning(days{200}));
  CHECK(contains(x.warning(days{290}).value_or(""), "ca.pem' expires on "));
  fs::remove(x.folder / "certificate.pem");
  CHECK_FALSE(x.warning(days{1000}));
}
