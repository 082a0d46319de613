#include <vef/backends/hub/digest.hpp>

#include <vef/backends/hub/files.hpp>

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vef {

namespace {

constexpr std::size_t piece = 1 << 20;

EVP_MD_CTX* context(void* x) { return static_cast<EVP_MD_CTX*>(x); }

tl::unexpected<error> cannot_read(const std::filesystem::path& file, const std::string& why, errc code) {
  return fail(code, "cannot read " + vef::quoted(file.string()) + ": " + why);
}

} // namespace

std::optional<digest_kind> digest_kind_of(std::string_view etag) {
  if (etag.find_first_not_of("0123456789abcdef") != etag.npos) return {};
  if (etag.size() == 64) return digest_kind::sha256;
  if (etag.size() == 40) return digest_kind::git_sha1;
  return {};
}

void digest::free_context::operator()(void* x) const { EVP_MD_CTX_free(context(x)); }

result<digest> digest::start(digest_kind kind, std::uint64_t size) {
  digest x;
  x.context_.reset(EVP_MD_CTX_new());
  auto algorithm = kind == digest_kind::sha256 ? EVP_sha256() : EVP_sha1();
  if (!x.context_ || EVP_DigestInit_ex(context(x.context_.get()), algorithm, nullptr) != 1)
    return fail(errc::internal, std::string{"cannot compute "}
                                    + (kind == digest_kind::sha256 ? "SHA-256" : "SHA-1")
                                    + ": OpenSSL does not offer it");
  if (kind == digest_kind::git_sha1) {
    auto head = "blob " + std::to_string(size);
    x.add({reinterpret_cast<const std::uint8_t*>(head.c_str()), head.size() + 1});
  }
  return x;
}

void digest::add(std::span<const std::uint8_t> bytes) {
  EVP_DigestUpdate(context(context_.get()), bytes.data(), bytes.size());
}

std::string digest::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context(context_.get()), value.data(), &size);
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += "0123456789abcdef"[value[i] >> 4];
    out += "0123456789abcdef"[value[i] & 15];
  }
  return out;
}

result<std::string> hash_file(const std::filesystem::path& file, digest_kind kind,
                              const hash_progress& progress) {
  descriptor in{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat facts {};
  if (in.number() < 0 || ::fstat(in.number(), &facts) != 0)
    return cannot_read(file, std::generic_category().message(errno),
                       errno == ENOENT ? errc::file_not_found : errc::file_unreadable);
  if (!S_ISREG(facts.st_mode)) return cannot_read(file, "it is no regular file", errc::file_unreadable);
  auto sum = digest::start(kind, static_cast<std::uint64_t>(facts.st_size));
  if (!sum) return fail(sum.error());
  std::vector<std::uint8_t> buffer(piece);
  for (std::uint64_t done = 0;;) {
    auto n = ::read(in.number(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return cannot_read(file, std::generic_category().message(errno), errc::file_unreadable);
    if (n == 0) return sum->finish();
    sum->add({buffer.data(), static_cast<std::size_t>(n)});
    done += static_cast<std::uint64_t>(n);
    if (progress && !progress(done))
      return fail(errc::cancelled, "stopped checking " + vef::quoted(file.string()));
  }
}

} // namespace vef
