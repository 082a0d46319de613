#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/supervisor/isolation/certificates.hpp>
#include <vef/supervisor/isolation/run_certificates.hpp>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <ctime>
#include <optional>
#include <set>

#include <sys/stat.h>

using namespace vef;
using namespace std::chrono_literals;
using std::chrono::days;

namespace {

using certificate = std::shared_ptr<X509>;
using private_key = std::shared_ptr<EVP_PKEY>;

std::shared_ptr<BIO> reader(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free_all};
}

certificate read_certificate(const std::string& pem) {
  return {PEM_read_bio_X509(reader(pem).get(), nullptr, nullptr, nullptr), X509_free};
}

private_key read_key(const std::string& pem) {
  return {PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
}

// Whether somebody who trusts the authority believes the certificate, in a role and at a time.
bool believed(const std::string& pem, const std::string& authority, int role = X509_PURPOSE_SSL_SERVER,
              std::chrono::seconds from_now = 0s) {
  auto trusted = read_certificate(authority);
  auto shown = read_certificate(pem);
  std::shared_ptr<X509_STORE> store{X509_STORE_new(), X509_STORE_free};
  X509_STORE_add_cert(store.get(), trusted.get());
  std::shared_ptr<X509_STORE_CTX> context{X509_STORE_CTX_new(), X509_STORE_CTX_free};
  X509_STORE_CTX_init(context.get(), store.get(), shown.get(), nullptr);
  X509_STORE_CTX_set_purpose(context.get(), role);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
  X509_STORE_CTX_set_time(context.get(), 0, std::time(nullptr) + from_now.count());
  return X509_verify_cert(context.get()) == 1;
}

certified_key authority() { return make_authority("an authority", days{10}).value(); }

certified_key signed_by(const certified_key& x, std::vector<std::string> hosts = {"localhost"}) {
  return make_certificate(x, hosts, days{10}).value();
}

errc refusal(const certified_key& authority, const std::vector<std::string>& hosts, days valid = days{1}) {
  auto made = make_certificate(authority, hosts, valid);
  return made ? errc::ok : made.error().code;
}

unsigned mode_of(const std::filesystem::path& file) {
  struct stat facts {};
  REQUIRE(::lstat(file.c_str(), &facts) == 0);
  return facts.st_mode;
}

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

std::filesystem::path folder_made_in(const std::filesystem::path& where = {}) {
  return run_certificates::make(where).value()->folder();
}

} // namespace

TEST_CASE("those who trust an authority believe what it signed, of both ends of a connection") {
  auto ours = authority();
  auto node = signed_by(ours);
  CHECK(believed(node.certificate, ours.certificate, X509_PURPOSE_SSL_SERVER));
  CHECK(believed(node.certificate, ours.certificate, X509_PURPOSE_SSL_CLIENT));
  CHECK_FALSE(believed(node.certificate, ours.certificate, X509_PURPOSE_SMIME_SIGN));
}

TEST_CASE("a stranger's certificate is not believed, even if the authorities have one name") {
  auto ours = authority();
  auto strangers = authority();
  CHECK_FALSE(believed(signed_by(strangers).certificate, ours.certificate));
  CHECK_FALSE(believed(strangers.certificate, ours.certificate));
}

TEST_CASE("a certificate is valid from an hour ago for the days asked for") {
  auto ours = authority();
  auto node = signed_by(ours).certificate;
  auto valid_at = [&](std::chrono::seconds x) {
    return believed(node, ours.certificate, X509_PURPOSE_SSL_SERVER, x);
  };
  CHECK_FALSE(valid_at(-62min));
  CHECK(valid_at(-58min));
  CHECK(valid_at(days{10} - 2min));
  CHECK_FALSE(valid_at(days{10} + 2min));
}

TEST_CASE("a certificate does not sign others") {
  auto ours = authority();
  auto node = signed_by(ours);
  CHECK(refusal(node, {"localhost"}) == errc::invalid_argument);
  CHECK(X509_get_key_usage(read_certificate(node.certificate).get()) == KU_DIGITAL_SIGNATURE);
  auto of_authority = read_certificate(ours.certificate);
  CHECK(X509_get_key_usage(of_authority.get()) == KU_KEY_CERT_SIGN);
  CHECK(X509_get_pathlen(of_authority.get()) == 0);
}

TEST_CASE("keys are P-256, signatures of SHA-256, and every serial number is another, of 128 bits") {
  auto ours = authority();
  std::set<std::string> serials;
  for (const auto& x : {ours, signed_by(ours), signed_by(ours)}) {
    auto shown = read_certificate(x.certificate);
    auto key = read_key(x.key);
    CHECK(X509_check_private_key(shown.get(), key.get()) == 1);
    CHECK(X509_get_signature_nid(shown.get()) == NID_ecdsa_with_SHA256);
    char curve[64] = {};
    CHECK(EVP_PKEY_get_group_name(key.get(), curve, sizeof curve, nullptr) == 1);
    CHECK(curve == std::string{"prime256v1"});
    std::shared_ptr<BIGNUM> serial{ASN1_INTEGER_to_BN(X509_get0_serialNumber(shown.get()), nullptr), BN_free};
    CHECK(BN_num_bits(serial.get()) <= 128);
    CHECK(BN_num_bits(serial.get()) > 64); // one of 2^64 is shorter
    CHECK_FALSE(BN_is_negative(serial.get()));
    serials.insert(std::shared_ptr<char>{BN_bn2hex(serial.get()), [](char* p) { OPENSSL_free(p); }}.get());
  }
  CHECK(serials.size() == 3);
}

TEST_CASE("a certificate holds for its hosts and addresses alone") {
  auto ours = authority();
  auto shown =
      read_certificate(signed_by(ours, {"localhost", "*.example.org", "127.0.0.1", "::1"}).certificate);
  auto is_for = [&](const char* host) { return X509_check_host(shown.get(), host, 0, 0, nullptr) == 1; };
  auto is_at = [&](const char* address) { return X509_check_ip_asc(shown.get(), address, 0) == 1; };
  CHECK(is_for("localhost"));
  CHECK(is_for("node.example.org"));
  CHECK_FALSE(is_for("example.com"));
  CHECK(is_at("127.0.0.1"));
  CHECK(is_at("::1"));
  CHECK_FALSE(is_at("127.0.0.2"));
}

TEST_CASE("hosts that can't be are refused, among them those that would be read as two") {
  auto ours = authority();
  CHECK(refusal(ours, {}) == errc::invalid_argument);
  for (auto bad : {"", "a,DNS:b", "a b", "a:b", "a\nb", "münchen.de", "a/b"})
    CHECK(refusal(ours, {"localhost", bad}) == errc::invalid_argument);
  CHECK(refusal(ours, {std::string{"127.0.0.1\0x", 11}}) == errc::invalid_argument);
  CHECK(refusal(ours, {std::string(254, 'a')}) == errc::invalid_argument);
  CHECK(refusal(ours, {std::string(253, 'a')}) == errc::ok);
}

TEST_CASE("an authority that is none, or whose key is another's, is refused in words") {
  auto ours = authority();
  auto why = [](const certified_key& x) { return make_certificate(x, {"localhost"}, days{1}).error(); };
  CHECK(why({ours.certificate, authority().key}).code == errc::invalid_argument);
  CHECK(why({ours.certificate, authority().key}).what.ends_with("its certificate: key values mismatch"));
  CHECK(why({"", ours.key}).what.find("certificate is none: no start line") != std::string::npos);
  CHECK(why({ours.certificate, "x"}).code == errc::invalid_argument);
  CHECK(why({ours.certificate, ""}).code == errc::invalid_argument);
}

TEST_CASE("no days and names without a length are refused") {
  auto code = [](const std::string& name, days valid) {
    auto made = make_authority(name, valid);
    return made ? errc::ok : made.error().code;
  };
  CHECK(code("a", days{0}) == errc::invalid_argument);
  CHECK(code("a", days{-1}) == errc::invalid_argument);
  CHECK(code("", days{1}) == errc::invalid_argument);
  CHECK(code(std::string(65, 'a'), days{1}) == errc::invalid_argument);
  CHECK(code(std::string(64, 'a'), days{1}) == errc::ok);
  CHECK(refusal(authority(), {"a"}, days{0}) == errc::invalid_argument);
}

// -- of a run -----------------------------------------------------------------------------------------------

TEST_CASE("the certificates of a run are believed within it, for years, and not in another run") {
  auto one = run_certificates::make().value();
  auto other = run_certificates::make().value();
  auto node = test::content_of(one->certificate());
  auto ca = test::content_of(one->ca());
  CHECK(believed(node, ca));
  CHECK(believed(node, ca, X509_PURPOSE_SSL_CLIENT, days{3600}));
  CHECK_FALSE(believed(node, test::content_of(other->ca())));
  CHECK(X509_check_private_key(read_certificate(node).get(), read_key(test::content_of(one->key())).get())
        == 1);
}

TEST_CASE("only the user can read the certificates of a run, and they go with it") {
  test::scratch where;
  auto run = run_certificates::make(where.folder()).value();
  auto folder = run->folder();
  CHECK(folder.parent_path() == where.folder());
  CHECK(mode_of(folder) == (S_IFDIR | 0700));
  for (const auto& file : {run->ca(), run->certificate(), run->key()})
    CHECK(mode_of(file) == (S_IFREG | 0600));
  run.reset();
  CHECK(std::filesystem::is_empty(where.folder()));
}

TEST_CASE("the key of a run's authority is in no file") {
  auto run = run_certificates::make().value();
  auto ca = read_certificate(test::content_of(run->ca()));
  std::set<std::filesystem::path> files;
  int keys = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{run->folder()}) {
    files.insert(entry.path());
    auto text = test::content_of(entry.path());
    for (auto at = text.find("PRIVATE KEY---"); at != text.npos; at = text.find("PRIVATE KEY---", at + 1))
      ++keys;
    auto key = read_key(text);
    if (key) CHECK(X509_check_private_key(ca.get(), key.get()) == 0);
  }
  CHECK(files == std::set{run->ca(), run->certificate(), run->key()});
  CHECK(keys == 2); // the first and the last line of one
}

TEST_CASE("a run's folder is in the user's runtime folder, or else among temporary files") {
  test::scratch runtime, temporary;
  changed_variable tmpdir{"TMPDIR", temporary.folder().string()};
  {
    changed_variable used{"XDG_RUNTIME_DIR", runtime.folder().string()};
    CHECK(folder_made_in().parent_path() == runtime.folder());
  }
  for (auto unusable : {runtime / "missing", std::string{}, std::string{"relative"}}) {
    changed_variable unused{"XDG_RUNTIME_DIR", unusable};
    CHECK(folder_made_in().parent_path() == temporary.folder());
  }
  changed_variable unset{"XDG_RUNTIME_DIR", std::nullopt};
  CHECK(folder_made_in().parent_path() == temporary.folder());
}

TEST_CASE("a run's folder has a path that holds wherever it is used") {
  test::scratch where;
  CHECK(folder_made_in(std::filesystem::relative(where.folder())).is_absolute());
}

TEST_CASE("a folder for a run that can't be made is an error that names it") {
  test::scratch where;
  auto why = [](const std::filesystem::path& x) { return run_certificates::make(x).error(); };
  CHECK(why(where / "missing").code == errc::cannot_write);
  CHECK(why(where / "missing").what
        == "cannot make a folder for the run's certificates in '" + where / "missing"
               + "': No such file or directory");
  CHECK(why(where.put("file")).code == errc::cannot_write);
  changed_variable runtime{"XDG_RUNTIME_DIR", std::nullopt};
  changed_variable temporary{"TMPDIR", where / "missing"};
  CHECK(why({}).code == errc::cannot_write);
}
