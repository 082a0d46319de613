#include <vef/supervisor/isolation/certificates.hpp>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>
#include <tuple>

namespace vef {

namespace {

template <auto Free> struct freed_by {
  template <class T> void operator()(T* x) const { Free(x); }
};
template <class T, auto Free> using owned = std::unique_ptr<T, freed_by<Free>>;

using bio = owned<BIO, BIO_free_all>;
using private_key = owned<EVP_PKEY, EVP_PKEY_free>;
using x509 = owned<X509, X509_free>;

// Why a call of OpenSSL failed, in its words: the oldest error is the cause, later ones are its consequences.
// A certificate is made by a chain of calls joined by `&&`, of which the first to fail ends the chain.
std::string openssl_words() {
  std::string out;
  const char* data = nullptr;
  int flags = 0;
  if (auto code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    auto reason = ERR_reason_error_string(code);
    out = reason ? reason : "error " + std::to_string(code);
    if ((flags & ERR_TXT_STRING) != 0 && data && *data) out += std::string{" ("} + data + ')';
  }
  ERR_clear_error();
  return out.empty() ? "OpenSSL does not say why" : out;
}

auto cannot_make(const char* what, errc code, const std::string& why) {
  return fail(code, std::string{"cannot make "} + what + ": " + why);
}

// -- PEM ----------------------------------------------------------------------------------------------------

std::string text_of(BIO* x) {
  char* data = nullptr;
  auto size = BIO_get_mem_data(x, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool write(const X509* certificate, const EVP_PKEY* key, certified_key& out) {
  bio first{BIO_new(BIO_s_mem())}, second{BIO_new(BIO_s_mem())};
  if (!first || !second || PEM_write_bio_X509(first.get(), certificate) != 1
      || PEM_write_bio_PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return false;
  out = {text_of(first.get()), text_of(second.get())};
  return true;
}

bio reader(const std::string& text) {
  return bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

// An encrypted key is an error; without this, OpenSSL would ask for its password at the terminal.
int no_password(char*, int, int, void*) { return -1; }

// -- the pieces of a certificate ----------------------------------------------------------------------------

constexpr long version_3 = 2;
constexpr std::size_t most_name = 64; // X.520, ub-common-name
constexpr long earlier = -3600;

bool set_random_serial(X509* x) {
  owned<BIGNUM, BN_free> number{BN_new()};
  return number && BN_rand(number.get(), 128, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1
         && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x));
}

bool set_times(X509* x, std::chrono::days valid) {
  return X509_time_adj_ex(X509_getm_notBefore(x), 0, earlier, nullptr)
         && X509_time_adj_ex(X509_getm_notAfter(x), static_cast<int>(valid.count()), 0, nullptr);
}

bool set_subject(X509* x, const std::string& name) {
  auto bytes = reinterpret_cast<const unsigned char*>(name.data());
  auto subject = X509_get_subject_name(x);
  return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, bytes, static_cast<int>(name.size()), -1, 0)
         == 1;
}

bool extend(X509* x, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x, nullptr, nullptr, 0);
  owned<X509_EXTENSION, X509_EXTENSION_free> extension{X509V3_EXT_conf_nid(nullptr, &context, kind, value)};
  return extension && X509_add_ext(x, extension.get(), -1) == 1;
}

owned<GENERAL_NAME, GENERAL_NAME_free> general_name(const std::string& host) {
  owned<GENERAL_NAME, GENERAL_NAME_free> out{GENERAL_NAME_new()};
  if (!out) return {};
  if (auto address = a2i_IPADDRESS(host.c_str())) {
    GENERAL_NAME_set0_value(out.get(), GEN_IPADD, address);
    return out;
  }
  owned<ASN1_IA5STRING, ASN1_IA5STRING_free> text{ASN1_IA5STRING_new()};
  if (!text || ASN1_STRING_set(text.get(), host.data(), static_cast<int>(host.size())) != 1) return {};
  GENERAL_NAME_set0_value(out.get(), GEN_DNS, text.release());
  return out;
}

// Not through OpenSSL's configuration language, in which a comma in a name would begin another name.
bool set_hosts(X509* x, const std::vector<std::string>& hosts) {
  owned<GENERAL_NAMES, GENERAL_NAMES_free> names{GENERAL_NAMES_new()};
  for (const auto& host : hosts) {
    auto name = general_name(host);
    if (!names || !name || sk_GENERAL_NAME_push(names.get(), name.get()) == 0) return false;
    std::ignore = name.release();
  }
  return X509_add1_ext_i2d(x, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

bool begin(X509* x, const std::string& name, EVP_PKEY* key, std::chrono::days valid) {
  return x && key && X509_set_version(x, version_3) == 1 && set_random_serial(x) && set_times(x, valid)
         && set_subject(x, name) && X509_set_pubkey(x, key) == 1;
}

bool is_address(const std::string& x) {
  return owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>{a2i_IPADDRESS(x.c_str())} != nullptr;
}

bool is_host(const std::string& x) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*";
  if (x.find('\0') == x.npos && is_address(x)) return true;
  return !x.empty() && x.size() <= 253 && x.find_first_not_of(allowed) == x.npos;
}

} // namespace

result<certified_key> make_authority(const std::string& name, std::chrono::days valid) {
  constexpr auto what = "an authority for certificates";
  if (name.empty() || name.size() > most_name)
    return cannot_make(what, errc::invalid_argument, "its name needs 1 to 64 characters");
  if (valid <= std::chrono::days{0})
    return cannot_make(what, errc::invalid_argument, "it would be valid for no days");

  ERR_clear_error(); // what another library left
  private_key key{EVP_EC_gen("P-256")};
  x509 x{X509_new()};
  certified_key out;
  auto done = begin(x.get(), name, key.get(), valid)
              && X509_set_issuer_name(x.get(), X509_get_subject_name(x.get())) == 1
              && extend(x.get(), x.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
              && extend(x.get(), x.get(), NID_key_usage, "critical,keyCertSign")
              && extend(x.get(), x.get(), NID_subject_key_identifier, "hash")
              && X509_sign(x.get(), key.get(), EVP_sha256()) != 0 && write(x.get(), key.get(), out);
  if (!done) return cannot_make(what, errc::missing_capability, openssl_words());
  return out;
}

result<certified_key> make_certificate(const certified_key& authority, const std::vector<std::string>& hosts,
                                       std::chrono::days valid) {
  constexpr auto what = "a certificate";
  auto bad = [&](const std::string& why) { return cannot_make(what, errc::invalid_argument, why); };
  if (hosts.empty()) return bad("it would be for no hosts");
  for (const auto& host : hosts)
    if (!is_host(host)) return bad("no host can have the name " + vef::quoted(host));
  if (valid <= std::chrono::days{0}) return bad("it would be valid for no days");

  ERR_clear_error();
  auto certificate = reader(authority.certificate);
  auto signing = reader(authority.key);
  x509 issuer{PEM_read_bio_X509(certificate.get(), nullptr, no_password, nullptr)};
  if (!issuer) return bad("the authority's certificate is none: " + openssl_words());
  private_key issuer_key{PEM_read_bio_PrivateKey(signing.get(), nullptr, no_password, nullptr)};
  if (!issuer_key) return bad("the authority's key is none: " + openssl_words());
  if (X509_check_ca(issuer.get()) != 1) return bad("the authority's certificate is not one of an authority");
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1)
    return bad("the authority's key is not that of its certificate: " + openssl_words());

  private_key key{EVP_EC_gen("P-256")};
  x509 x{X509_new()};
  certified_key out;
  auto done = begin(x.get(), hosts.front().substr(0, most_name), key.get(), valid)
              && X509_set_issuer_name(x.get(), X509_get_subject_name(issuer.get())) == 1
              && extend(x.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE")
              && extend(x.get(), issuer.get(), NID_key_usage, "critical,digitalSignature")
              && extend(x.get(), issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth")
              && extend(x.get(), issuer.get(), NID_subject_key_identifier, "hash")
              && extend(x.get(), issuer.get(), NID_authority_key_identifier, "keyid:always")
              && set_hosts(x.get(), hosts) && X509_sign(x.get(), issuer_key.get(), EVP_sha256()) != 0
              && write(x.get(), key.get(), out);
  if (!done) return cannot_make(what, errc::missing_capability, openssl_words());
  return out;
}

} // namespace vef
