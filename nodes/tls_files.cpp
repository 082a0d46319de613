#include <vef/nodes/tls_files.hpp>

#include <vef/backends/descriptor.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <span>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace vef {

namespace {

namespace fs = std::filesystem;
using std::chrono::sys_seconds;

template <auto Free> struct freed_by {
  template <class T> void operator()(T* x) const { Free(x); }
};
template <class T, auto Free> using owned = std::unique_ptr<T, freed_by<Free>>;
using x509 = owned<X509, X509_free>;

constexpr std::chrono::days warned_before{14};
constexpr std::size_t most_bytes = 1 << 20; // a certificate has about one thousand

// OpenSSL's words for the oldest error, which is the cause of later ones.
std::string openssl_words() {
  auto reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason ? reason : "OpenSSL does not say why";
}

auto refuse(errc code, const fs::path& file, const std::string& why) {
  return fail(code, "cannot use " + vef::quoted(file.string()) + ": " + why);
}

// -- files --------------------------------------------------------------------------------------------------

result<std::string> read_whole(int file, const fs::path& path) {
  std::string out;
  char buffer[4096];
  while (out.size() <= most_bytes) {
    auto n = ::read(file, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refuse(errc::file_unreadable, path, std::generic_category().message(errno));
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
  }
  return refuse(errc::not_trusted, path, "it is too large for certificates");
}

enum class readers { anybody, owner };

result<std::string> read_file(const fs::path& path, readers allowed = readers::anybody) {
  // A FIFO would be waited for otherwise.
  descriptor file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (!file && (errno == ENOENT || errno == ENOTDIR))
    return refuse(errc::file_not_found, path, "there is no such file; make it with 'vef certs'");
  struct stat facts {};
  if (!file || ::fstat(file.number(), &facts) != 0)
    return refuse(errc::file_unreadable, path, std::generic_category().message(errno));
  if (!S_ISREG(facts.st_mode)) return refuse(errc::not_a_file, path, "it is no regular file");
  if (allowed == readers::owner && (facts.st_mode & 077) != 0)
    return refuse(errc::not_trusted, path,
                  "others can read this key, too; forbid it with: chmod 600 " + vef::quoted(path.string()));
  return read_whole(file.number(), path);
}

// -- PEM ----------------------------------------------------------------------------------------------------

owned<BIO, BIO_free_all> reader(std::string_view text) {
  return owned<BIO, BIO_free_all>{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

// Without this, OpenSSL would ask for a password at the terminal.
int no_password(char*, int, int, void*) { return -1; }

// One or more, in their order.
result<std::vector<x509>> read_certificates(const fs::path& path) {
  auto text = read_file(path);
  if (!text) return fail(text.error());
  ERR_clear_error();
  auto from = reader(*text);
  std::vector<x509> out;
  while (x509 next{PEM_read_bio_X509(from.get(), nullptr, no_password, nullptr)})
    out.push_back(std::move(next));
  auto at_end = ERR_GET_REASON(ERR_peek_error()) == PEM_R_NO_START_LINE;
  auto words = openssl_words();
  if (out.empty() || !at_end) return refuse(errc::not_trusted, path, "it is no certificate as PEM: " + words);
  return out;
}

result<void> check_key(const fs::path& path, X509* certificate) {
  auto text = read_file(path, readers::owner);
  if (!text) return fail(text.error());
  ERR_clear_error();
  owned<EVP_PKEY, EVP_PKEY_free> key{
      PEM_read_bio_PrivateKey(reader(*text).get(), nullptr, no_password, nullptr)};
  OPENSSL_cleanse(text->data(), text->size());
  if (!key)
    return refuse(errc::not_trusted, path, "it is no key as PEM without a password: " + openssl_words());
  if (X509_check_private_key(certificate, key.get()) == 1) return {};
  ERR_clear_error();
  return refuse(errc::not_trusted, path,
                "it does not belong to the certificate.pem beside it; copy both from where they were made");
}

// -- facts --------------------------------------------------------------------------------------------------

sys_seconds time_of(const ASN1_TIME* x) {
  std::tm utc{};
  return ASN1_TIME_to_tm(x, &utc) == 1 ? sys_seconds{std::chrono::seconds{::timegm(&utc)}} : sys_seconds{};
}

std::string text_of(const ASN1_STRING* x) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(x)),
          static_cast<std::size_t>(ASN1_STRING_length(x))};
}

std::string address_text(const ASN1_STRING* x) {
  char out[INET6_ADDRSTRLEN] = {};
  auto size = ASN1_STRING_length(x);
  if (size == 4 || size == 16)
    ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(x), out, sizeof out);
  return out;
}

std::vector<std::string> hosts_of(const X509* x) {
  owned<GENERAL_NAMES, GENERAL_NAMES_free> names{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x, NID_subject_alt_name, nullptr, nullptr))};
  std::vector<std::string> out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    auto name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) out.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) out.push_back(address_text(name->d.iPAddress));
  }
  return out;
}

certificate_facts facts_of(X509* x) {
  certificate_facts out;
  auto subject = X509_get_subject_name(x);
  if (auto at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); at >= 0)
    out.subject = text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  out.hosts = hosts_of(x);
  out.valid_from = time_of(X509_get0_notBefore(x));
  out.expires_at = time_of(X509_get0_notAfter(x));
  return out;
}

// -- who signed it ------------------------------------------------------------------------------------------

error distrust(X509_STORE_CTX* context, const fs::path& folder) {
  auto problem = X509_STORE_CTX_get_error(context);
  auto is_time = problem == X509_V_ERR_CERT_HAS_EXPIRED || problem == X509_V_ERR_CERT_NOT_YET_VALID;
  auto of_authority = is_time && X509_STORE_CTX_get_error_depth(context) > 0;
  auto current = X509_STORE_CTX_get_current_cert(context);
  auto file = folder / (of_authority ? "ca.pem" : "certificate.pem");
  return {errc::not_trusted, "cannot use " + vef::quoted(file.string()) + ": it "
                                 + trust_problem(problem, current ? facts_of(current) : certificate_facts{})};
}

// A node is at both ends of connections, so its certificate is good for both.
result<void> check_signed(SSL_CTX* tls, std::span<const x509> shown, const fs::path& folder,
                          std::chrono::system_clock::time_point now) {
  owned<STACK_OF(X509), [](STACK_OF(X509) * x) { sk_X509_free(x); }> others{sk_X509_new_null()};
  for (const auto& x : shown) sk_X509_push(others.get(), x.get());
  for (auto purpose : {X509_PURPOSE_SSL_CLIENT, X509_PURPOSE_SSL_SERVER}) {
    owned<X509_STORE_CTX, X509_STORE_CTX_free> context{X509_STORE_CTX_new()};
    X509_STORE_CTX_init(context.get(), SSL_CTX_get_cert_store(tls), shown.front().get(), others.get());
    X509_STORE_CTX_set_purpose(context.get(), purpose);
    X509_STORE_CTX_set_time(context.get(), 0, std::chrono::system_clock::to_time_t(now));
    auto believed = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    if (!believed) return fail(distrust(context.get(), folder));
  }
  return {};
}

} // namespace

result<certificate_facts> parse_certificate(std::string_view text) {
  ERR_clear_error();
  auto from = reader(text);
  auto is_der = text.starts_with('\x30');
  x509 read{is_der ? d2i_X509_bio(from.get(), nullptr)
                   : PEM_read_bio_X509(from.get(), nullptr, no_password, nullptr)};
  if (!read) return fail(errc::not_trusted, "cannot read a certificate: " + openssl_words());
  return facts_of(read.get());
}

std::string trust_problem(int problem, const certificate_facts& x) {
  switch (problem) {
  case X509_V_ERR_CERT_HAS_EXPIRED: return "is expired since " + date_text(x.expires_at) + "; make a new one";
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return "is not valid before " + date_text(x.valid_from) + "; look at the clocks of all machines";
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_CERT_SIGNATURE_FAILURE:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return "is a stranger's: no authority in our ca.pem signed it";
  default: return std::string{"is not acceptable: "} + X509_verify_cert_error_string(problem);
  }
}

std::string date_text(sys_seconds when) {
  auto seconds = static_cast<std::time_t>(when.time_since_epoch().count());
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char out[64];
  std::strftime(out, sizeof out, "%Y-%m-%d %H:%M UTC", &utc);
  return out;
}

result<std::shared_ptr<ssl_ctx_st>> tls_context(const fs::path& folder) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> out{SSL_CTX_new(TLS_method()), SSL_CTX_free};
  auto certificate = folder / "certificate.pem", key = folder / "key.pem", ca = folder / "ca.pem";
  auto bad = [](const fs::path& file) { return refuse(errc::not_trusted, file, openssl_words()); };
  if (!out || SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION) != 1) return bad(folder);
  SSL_CTX_set_default_passwd_cb(out.get(), no_password);
  SSL_CTX_set_verify(out.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (SSL_CTX_use_certificate_chain_file(out.get(), certificate.c_str()) != 1) return bad(certificate);
  if (SSL_CTX_use_PrivateKey_file(out.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) return bad(key);
  if (SSL_CTX_load_verify_locations(out.get(), ca.c_str(), nullptr) != 1) return bad(ca);
  return out;
}

result<void> check_tls_files(const fs::path& folder, std::chrono::system_clock::time_point now) {
  auto authorities = read_certificates(folder / "ca.pem");
  if (!authorities) return fail(authorities.error());
  auto shown = read_certificates(folder / "certificate.pem");
  if (!shown) return fail(shown.error());
  if (auto ok = check_key(folder / "key.pem", shown->front().get()); !ok) return ok;
  auto tls = tls_context(folder);
  if (!tls) return fail(tls.error());
  return check_signed(tls->get(), *shown, folder, now);
}

std::optional<std::string> expiry_warning(const fs::path& folder, std::chrono::system_clock::time_point now) {
  auto soon = std::chrono::floor<std::chrono::seconds>(now) + warned_before;
  for (auto name : {"certificate.pem", "ca.pem"}) {
    auto file = folder / name;
    auto read = read_certificates(file);
    if (!read) return {};
    // Of authorities, the last one counts; of others, the certificate itself and not what follows it.
    auto counted = std::span{*read}.first(name == std::string_view{"ca.pem"} ? read->size() : 1);
    sys_seconds end{};
    for (const auto& x : counted) end = std::max(end, facts_of(x.get()).expires_at);
    if (end <= soon)
      return vef::quoted(file.string()) + " expires on " + date_text(end)
             + "; make new certificates with 'vef certs --renew'";
  }
  return {};
}

result<certificate_facts> certificate_in(const fs::path& folder) {
  return read_certificates(folder / "certificate.pem").map([](const std::vector<x509>& x) {
    return facts_of(x.front().get());
  });
}

std::vector<std::string> certificate_hosts(const fs::path& folder) {
  return certificate_in(folder).value_or(certificate_facts{}).hosts;
}

} // namespace vef
