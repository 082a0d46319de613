#include <vef/nodes/certificate_files.hpp>

#include <vef/supervisor/isolation/certificates.hpp>
#include <vef/supervisor/isolation/private_file.hpp>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <ranges>
#include <system_error>
#include <utility>

#include <sys/stat.h>

namespace vef {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::days ten_years{3650};

template <auto Free> struct freed_by {
  template <class T> void operator()(T* x) const { Free(x); }
};
template <class T, auto Free> using owned = std::unique_ptr<T, freed_by<Free>>;

void forget(std::string& secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(fs::symlink_status(path, none));
}

error there_already(const fs::path& path) {
  return {errc::cannot_write, "cannot make " + vef::quoted(path.string()) + ": it is there already"};
}

result<std::string> read(const fs::path& path) {
  if (!is_there(path))
    return fail(errc::file_not_found,
                "cannot read " + vef::quoted(path.string()) + ": there is no such file");
  std::ifstream in{path, std::ios::binary};
  std::string out{std::istreambuf_iterator<char>{in}, {}};
  if (!in.is_open() || in.bad() || out.empty())
    return fail(errc::file_unreadable, "cannot read " + vef::quoted(path.string()));
  return out;
}

// Those above it are made as folders usually are.
result<void> make_folder(const fs::path& path, mode_t mode) {
  std::error_code failed;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), failed);
  if (failed) return fail(unwritable("the folder", path.parent_path(), failed.value()));
  if (::mkdir(path.c_str(), mode) == 0 || (errno == EEXIST && fs::is_directory(path, failed))) return {};
  return fail(unwritable("the folder", path, errno));
}

// A folder that goes with the object, unless it got another name. It lies where its files will be, so that
// they can be renamed.
class draft {
public:
  static result<draft> make(const fs::path& where) {
    return fresh_folder("certificates", where).map([](fs::path x) { return draft{std::move(x)}; });
  }
  draft(draft&& x) noexcept
      : folder_(std::exchange(x.folder_, {})) {}
  draft& operator=(draft&&) = delete;
  ~draft() {
    std::error_code none;
    if (!folder_.empty()) fs::remove_all(folder_, none);
  }

  result<void> put(const char* name, const std::string& text) { return write_private(folder_ / name, text); }

  // The error of rename(2), 0 for none.
  int move_file(const char* name, const fs::path& folder) {
    return std::rename((folder_ / name).c_str(), (folder / name).c_str()) == 0 ? 0 : errno;
  }
  int become(const fs::path& folder) { return std::rename(folder_.c_str(), folder.c_str()) == 0 ? 0 : errno; }

private:
  explicit draft(fs::path folder)
      : folder_(std::move(folder)) {}

  fs::path folder_;
};

fs::path parent_of(const fs::path& folder) {
  auto clean = folder.has_filename() ? folder : folder.parent_path(); // "a/b/" is "a/b"
  return clean.has_parent_path() ? clean.parent_path() : fs::path{"."};
}

// A folder that is there and not empty stays, and rename(2) says so.
result<int> put_folder(const fs::path& folder, const std::string& ca, const certified_key& node) {
  auto made = draft::make(parent_of(folder));
  if (!made) return fail(made.error());
  auto done = made->put("ca.pem", ca);
  if (done) done = made->put("certificate.pem", node.certificate);
  if (done) done = made->put("key.pem", node.key);
  if (!done) return fail(done.error());
  return made->become(folder);
}

bool occupied(int reason) { return reason == EEXIST || reason == ENOTEMPTY || reason == ENOTDIR; }

// -- renewal ------------------------------------------------------------------------------------------------

owned<EVP_PKEY, EVP_PKEY_free> parse_key(const std::string& pem) {
  owned<BIO, BIO_free_all> from{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  auto no_password = [](char*, int, int, void*) { return -1; };
  return owned<EVP_PKEY, EVP_PKEY_free>{PEM_read_bio_PrivateKey(from.get(), nullptr, no_password, nullptr)};
}

// The extension that has a hash of the key.
bool name_key(X509* x) {
  owned<X509_EXTENSION, X509_EXTENSION_free> old{
      X509_delete_ext(x, X509_get_ext_by_NID(x, NID_subject_key_identifier, -1))};
  X509V3_CTX context;
  X509V3_set_ctx(&context, x, x, nullptr, nullptr, 0);
  owned<X509_EXTENSION, X509_EXTENSION_free> made{
      X509V3_EXT_conf_nid(nullptr, &context, NID_subject_key_identifier, "hash")};
  return made && X509_add_ext(x, made.get(), -1) == 1;
}

// The certificate with another key in the place of its own, signed again.
result<std::string> with_key(const std::string& certificate, const std::string& key,
                             const std::string& authority_key, const fs::path& key_file) {
  ERR_clear_error();
  auto kept = parse_key(key), signing = parse_key(authority_key);
  if (!kept)
    return fail(errc::invalid_argument, "cannot renew the certificate of " + vef::quoted(key_file.string())
                                            + ": it is no key as PEM; remove its folder, to get another");
  owned<BIO, BIO_free_all> from{BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size()))};
  owned<X509, X509_free> x{PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr)};
  owned<BIO, BIO_free_all> to{BIO_new(BIO_s_mem())};
  auto done = x && signing && to && X509_set_pubkey(x.get(), kept.get()) == 1 && name_key(x.get())
              && X509_sign(x.get(), signing.get(), EVP_sha256()) != 0
              && PEM_write_bio_X509(to.get(), x.get()) == 1;
  ERR_clear_error();
  if (!done)
    return fail(errc::missing_capability,
                "cannot make a certificate for the key in " + vef::quoted(key_file.string()));
  char* text = nullptr;
  auto size = BIO_get_mem_data(to.get(), &text);
  return std::string{text, static_cast<std::size_t>(size)};
}

result<void> renew(const fs::path& folder, const certified_key& authority, const std::string& fresh) {
  auto key_file = folder / "key.pem";
  auto key = read(key_file);
  if (!key) return fail(key.error());
  auto certificate = with_key(fresh, *key, authority.key, key_file);
  forget(*key);
  if (!certificate) return fail(certificate.error());
  auto made = draft::make(folder);
  if (!made) return fail(made.error());
  auto done = made->put("ca.pem", authority.certificate);
  if (done) done = made->put("certificate.pem", *certificate);
  if (!done) return done;
  // One that has further authorities, as while one takes the place of another, stays.
  auto believed = read(folder / "ca.pem");
  auto first = believed && believed->find(authority.certificate) != believed->npos ? 1 : 0;
  for (auto name : std::array{"ca.pem", "certificate.pem"} | std::views::drop(first))
    if (auto reason = made->move_file(name, folder); reason != 0)
      return fail(unwritable("the file", folder / name, reason));
  return {};
}

// As the XDG base directory specification has it; empty if there is no home.
fs::path user_folder() {
  auto named = std::getenv("XDG_STATE_HOME");
  if (named && *named == '/') return fs::path{named} / "vef/tls";
  auto home = std::getenv("HOME");
  return home && *home == '/' ? fs::path{home} / ".local/state/vef/tls" : fs::path{};
}

} // namespace

result<void> write_authority(const fs::path& folder, const std::string& name, std::chrono::days valid) {
  auto ca = folder / "ca.pem", key = folder / "ca-key.pem";
  for (const auto& file : {ca, key})
    if (is_there(file)) return fail(there_already(file));
  auto authority = make_authority(name, valid);
  if (!authority) return fail(authority.error());
  auto done = make_folder(folder, 0700);
  if (done) done = write_private(key, authority->key);
  forget(authority->key);
  if (!done) return done;
  done = write_private(ca, authority->certificate);
  std::error_code none;
  if (!done) fs::remove(key, none);
  return done;
}

result<void> write_node(const fs::path& authority_folder, const fs::path& node_folder,
                        const std::vector<std::string>& hosts, std::chrono::days valid,
                        earlier_files earlier) {
  auto ca = read(authority_folder / "ca.pem");
  if (!ca) return fail(ca.error());
  auto key = read(authority_folder / "ca-key.pem");
  if (!key) return fail(key.error());
  certified_key authority{std::move(*ca), std::move(*key)};
  auto node = make_certificate(authority, hosts, valid);
  auto renewed = node && earlier == earlier_files::renew && is_there(node_folder);
  auto done = renewed ? renew(node_folder, authority, node->certificate) : result<void>{};
  forget(authority.key);
  if (!node) return fail(node.error());
  if (!done || renewed) return done;
  if (auto ok = make_folder(parent_of(node_folder), 0700); !ok) return ok;
  auto reason = put_folder(node_folder, authority.certificate, *node);
  if (!reason) return fail(reason.error());
  if (occupied(*reason)) return fail(there_already(node_folder));
  return *reason == 0 ? result<void>{} : fail(unwritable("the folder", node_folder, *reason));
}

result<fs::path> user_certificates() {
  auto folder = user_folder();
  if (folder.empty())
    return fail(errc::cannot_write,
                "cannot keep certificates for this user: neither XDG_STATE_HOME nor HOME is "
                "set; set one, or name a folder of certificates");
  if (is_there(folder / "certificate.pem")) return folder;
  auto authority = make_authority("vef of this user", ten_years);
  if (!authority) return fail(authority.error());
  auto node = make_certificate(*authority, {"localhost", "127.0.0.1", "::1"}, ten_years);
  forget(authority->key);
  if (!node) return fail(node.error());
  if (auto ok = make_folder(parent_of(folder), 0700); !ok) return fail(ok.error());
  auto reason = put_folder(folder, authority->certificate, *node);
  if (!reason) return fail(reason.error());
  // Another program was first: its files are whole, for its folder got this name with all of them in it.
  if (*reason == 0 || *reason == EEXIST || *reason == ENOTEMPTY) return folder;
  return fail(unwritable("the folder", folder, *reason));
}

} // namespace vef
