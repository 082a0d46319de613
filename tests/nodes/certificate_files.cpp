#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/nodes/certificate_files.hpp>
#include <vef/nodes/tls_files.hpp>
#include <vef/supervisor/isolation/certificates.hpp>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <set>
#include <thread>

#include <sys/stat.h>

using namespace vef;
using namespace std::chrono_literals;
using std::chrono::days;
namespace fs = std::filesystem;

namespace {

unsigned mode_of(const fs::path& file) {
  struct stat facts {};
  REQUIRE(::lstat(file.c_str(), &facts) == 0);
  return facts.st_mode;
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> out;
  for (const auto& x : fs::directory_iterator{folder}) out.insert(x.path().filename().string());
  return out;
}

bool usable(const fs::path& folder, std::chrono::seconds from_now = 0s) {
  return check_tls_files(folder, std::chrono::system_clock::now() + from_now).has_value();
}

template <class T> errc code_of(const result<T>& x) { return x ? errc::ok : x.error().code; }

const std::set<std::string> files_of_node{"ca.pem", "certificate.pem", "key.pem"};

// A variable of the environment that has another value, or none, while this lives.
class changed_variable {
public:
  changed_variable(const char* name, std::optional<std::string> value)
      : name_(name) {
    if (auto old = std::getenv(name)) old_ = old;
    set(value);
  }
  ~changed_variable() { set(old_); }
  changed_variable(const changed_variable&) = delete;
  changed_variable& operator=(const changed_variable&) = delete;

private:
  void set(const std::optional<std::string>& value) {
    value ? ::setenv(name_, value->c_str(), 1) : ::unsetenv(name_);
  }

  const char* name_;
  std::optional<std::string> old_;
};

struct with_authority {
  test::scratch home;
  fs::path folder = home / "certs";
  fs::path node = folder / "gpu1";

  with_authority() { REQUIRE(write_authority(folder, "an authority", days{300})); }
};

} // namespace

TEST_CASE("an authority is two files in a folder, for this user alone") {
  with_authority x;
  CHECK(names_in(x.folder) == std::set<std::string>{"ca.pem", "ca-key.pem"});
  CHECK(mode_of(x.folder) == (S_IFDIR | 0700));
  CHECK(mode_of(x.folder / "ca-key.pem") == (S_IFREG | 0600));
  CHECK(parse_certificate(test::content_of(x.folder / "ca.pem")).value().subject == "an authority");
}

TEST_CASE("an authority is not written over another, nor over a half of one") {
  with_authority x;
  auto before = test::content_of(x.folder / "ca-key.pem");
  CHECK(code_of(write_authority(x.folder, "another", days{1})) == errc::cannot_write);
  fs::remove(x.folder / "ca.pem");
  CHECK(code_of(write_authority(x.folder, "another", days{1})) == errc::cannot_write);
  CHECK(test::content_of(x.folder / "ca-key.pem") == before);
}

TEST_CASE("an authority that can't be made, or not there, is an error") {
  test::scratch home;
  CHECK(code_of(write_authority(home / "a", "", days{1})) == errc::invalid_argument);
  CHECK(code_of(write_authority(home.put("file") + "/a", "x", days{1})) == errc::cannot_write);
  CHECK(names_in(home.folder()) == std::set<std::string>{"file"});
}

TEST_CASE("a node gets three files that are good for its hosts, in a folder for this user alone") {
  with_authority x;
  REQUIRE(write_node(x.folder, x.node, {"gpu1", "10.0.0.1"}, days{100}));
  CHECK(names_in(x.node) == files_of_node);
  CHECK(mode_of(x.node) == (S_IFDIR | 0700));
  CHECK(mode_of(x.node / "key.pem") == (S_IFREG | 0600));
  CHECK(usable(x.node, days{99}));
  CHECK(certificate_hosts(x.node) == std::vector<std::string>{"gpu1", "10.0.0.1"});
  CHECK(test::content_of(x.node / "ca.pem") == test::content_of(x.folder / "ca.pem"));
  REQUIRE(write_node(x.folder, (x.folder / "gpu2/"), {"gpu2"}, days{100}));
  CHECK(usable(x.folder / "gpu2"));
}

TEST_CASE("a node's files are not written over") {
  with_authority x;
  REQUIRE(write_node(x.folder, x.node, {"gpu1"}, days{100}));
  auto before = test::content_of(x.node / "key.pem");
  auto again = write_node(x.folder, x.node, {"gpu1"}, days{100});
  CHECK(code_of(again) == errc::cannot_write);
  CHECK(again.error().what.ends_with("it is there already"));
  CHECK(test::content_of(x.node / "key.pem") == before);
  auto file = x.home.put("certs/file");
  CHECK(code_of(write_node(x.folder, file, {"gpu1"}, days{100})) == errc::cannot_write);
  CHECK(names_in(x.folder) == std::set<std::string>{"ca.pem", "ca-key.pem", "gpu1", "file"});
}

TEST_CASE("a node that can't be made leaves nothing") {
  with_authority x;
  CHECK(code_of(write_node(x.folder, x.node, {"gpu 1"}, days{100})) == errc::invalid_argument);
  CHECK(code_of(write_node(x.home / "nowhere", x.node, {"gpu1"}, days{100})) == errc::file_not_found);
  CHECK(names_in(x.folder) == std::set<std::string>{"ca.pem", "ca-key.pem"});
  fs::remove(x.folder / "ca-key.pem");
  CHECK(code_of(write_node(x.folder, x.node, {"gpu1"}, days{100})) == errc::file_not_found);
  x.home.put("certs/ca-key.pem", "x");
  CHECK(code_of(write_node(x.folder, x.node, {"gpu1"}, days{100})) == errc::invalid_argument);
  CHECK_FALSE(fs::exists(x.node));
}

TEST_CASE("a renewal keeps the key and changes the certificate") {
  with_authority x;
  REQUIRE(write_node(x.folder, x.node, {"gpu1"}, days{100}));
  auto key = test::content_of(x.node / "key.pem");
  REQUIRE(write_node(x.folder, x.node, {"gpu1", "gpu1.example.org"}, days{200}, earlier_files::renew));
  CHECK(test::content_of(x.node / "key.pem") == key);
  CHECK(usable(x.node, days{199}));
  CHECK(certificate_hosts(x.node) == std::vector<std::string>{"gpu1", "gpu1.example.org"});
  CHECK(names_in(x.node) == files_of_node);
}

TEST_CASE("at no time of a renewal is there a pair of files that does not fit") {
  with_authority x;
  REQUIRE(write_node(x.folder, x.node, {"gpu1"}, days{100}));
  std::atomic<bool> done = false;
  std::atomic<int> looks = 0, misfits = 0;
  std::thread reader{[&] {
    while (!done) {
      if (!tls_context(x.node)) ++misfits;
      ++looks;
    }
  }};
  auto renewed = true;
  for (int i = 0; i < 20 || looks < 20; ++i)
    renewed = renewed && write_node(x.folder, x.node, {"gpu1"}, days{100}, earlier_files::renew);
  done = true;
  reader.join();
  CHECK(renewed);
  CHECK(misfits == 0);
}

TEST_CASE("a renewal by another authority brings that one, and keeps a file that believes it already") {
  with_authority x, other;
  REQUIRE(write_node(x.folder, x.node, {"gpu1"}, days{100}));
  auto both = test::content_of(x.folder / "ca.pem") + test::content_of(other.folder / "ca.pem");
  REQUIRE(write_node(other.folder, x.node, {"gpu1"}, days{100}, earlier_files::renew));
  CHECK(usable(x.node));
  CHECK(test::content_of(x.node / "ca.pem") == test::content_of(other.folder / "ca.pem"));
  x.home.put("certs/gpu1/ca.pem", both);
  REQUIRE(write_node(x.folder, x.node, {"gpu1"}, days{100}, earlier_files::renew));
  CHECK(usable(x.node));
  CHECK(test::content_of(x.node / "ca.pem") == both);
}

TEST_CASE("a renewal of a node that is not there makes it; one without a good key is refused") {
  with_authority x;
  REQUIRE(write_node(x.folder, x.node, {"gpu1"}, days{100}, earlier_files::renew));
  CHECK(usable(x.node));
  auto before = test::content_of(x.node / "certificate.pem");
  x.home.put("certs/gpu1/key.pem", "x");
  auto renew = [&] { return code_of(write_node(x.folder, x.node, {"gpu1"}, days{1}, earlier_files::renew)); };
  CHECK(renew() == errc::invalid_argument);
  fs::remove(x.node / "key.pem");
  CHECK(renew() == errc::file_not_found);
  CHECK(test::content_of(x.node / "certificate.pem") == before);
}

// -- of a user ----------------------------------------------------------------------------------------------

TEST_CASE("a user's certificates are made once, for this machine, for ten years, for the user alone") {
  test::scratch home;
  changed_variable state{"XDG_STATE_HOME", home.folder().string()};
  auto folder = user_certificates().value();
  CHECK(folder == home.folder() / "vef/tls");
  CHECK(mode_of(folder) == (S_IFDIR | 0700));
  CHECK(mode_of(folder / "key.pem") == (S_IFREG | 0600));
  CHECK(names_in(folder) == files_of_node); // the authority's key is in none of them
  CHECK(names_in(home / "vef") == std::set<std::string>{"tls"});
  CHECK(usable(folder, days{3649}));
  CHECK(certificate_hosts(folder) == std::vector<std::string>{"localhost", "127.0.0.1", "::1"});
  auto key = test::content_of(folder / "key.pem");
  CHECK(user_certificates().value() == folder);
  CHECK(test::content_of(folder / "key.pem") == key);
}

TEST_CASE("programs that start at the same time get the same certificates") {
  test::scratch home;
  changed_variable state{"XDG_STATE_HOME", home.folder().string()};
  std::atomic<int> ready = 0;
  std::vector<std::string> keys(8);
  std::vector<std::thread> programs;
  for (auto& key : keys)
    programs.emplace_back([&] {
      for (++ready; ready < 8;) std::this_thread::yield();
      if (auto folder = user_certificates()) key = test::content_of(*folder / "key.pem");
    });
  for (auto& x : programs) x.join();
  CHECK_FALSE(keys.front().empty());
  CHECK(std::set<std::string>(keys.begin(), keys.end()).size() == 1);
  CHECK(names_in(home / "vef") == std::set<std::string>{"tls"});
}

TEST_CASE("a user's certificates are below the home where no folder for state is named") {
  test::scratch home;
  changed_variable state{"XDG_STATE_HOME", "relative"};
  changed_variable named{"HOME", home.folder().string()};
  CHECK(user_certificates().value() == home.folder() / ".local/state/vef/tls");
}

TEST_CASE("a user without a home, or with one that can't be written, has no certificates") {
  test::scratch home;
  changed_variable state{"XDG_STATE_HOME", std::nullopt};
  {
    changed_variable named{"HOME", std::nullopt};
    CHECK(code_of(user_certificates()) == errc::cannot_write);
  }
  changed_variable named{"HOME", home.put("file")};
  CHECK(code_of(user_certificates()) == errc::cannot_write);
}
