#include <vef/messages/errors.hpp>

#include <array>
#include <cstdio>

namespace vef {

namespace {

struct entry {
  errc code;
  std::string_view word;
  std::string_view advice;
  bool retryable = false;
};

constexpr std::array<entry, errc_count> entries{{
    {errc::ok, "ok", "nothing to do"},
    {errc::file_not_found, "file_not_found", "check the path"},
    {errc::file_unreadable, "file_unreadable", "check the file's permissions and its disk"},
    {errc::not_a_file, "not_a_file", "give a regular file, or a folder to walk"},
    {errc::empty_image, "empty_image", "the file has no bytes: fetch it again"},
    {errc::not_a_picture, "not_a_picture", "the content is no picture, whatever its name says: leave it out"},
    {errc::unsupported_image, "unsupported_image", "convert it to JPEG, PNG, WebP, TIFF or BMP"},
    {errc::corrupt_image, "corrupt_image", "the file is damaged: restore it from its source"},
    {errc::truncated_image, "truncated_image", "the file ends too early: copy or download it again"},
    {errc::image_too_large, "image_too_large", "scale it down, or raise the limit on pixels or bytes"},
    {errc::unknown_model, "unknown_model", "list the models with 'vef models'"},
    {errc::unknown_service, "unknown_service", "list the services with 'vef status'"},
    {errc::unknown_backend, "unknown_backend", "list the backends with 'vef status'"},
    {errc::unknown_variant, "unknown_variant", "use one of the variants that 'vef info MODEL' lists"},
    {errc::duplicate_name, "duplicate_name", "choose another name"},
    {errc::invalid_argument, "invalid_argument", "correct the request"},
    {errc::invalid_config, "invalid_config", "correct it at the place named"},
    {errc::load_failed, "load_failed", "check that the model's files are complete and made for this version"},
    {errc::embed_failed, "embed_failed", "see the log of the service; the model may not fit its description"},
    {errc::out_of_memory, "out_of_memory", "unload other models or use a smaller batch", true},
    {errc::over_budget, "over_budget", "unload or unpin models, or raise the memory budget", true},
    {errc::in_use, "in_use", "ask again when its requests are done, or ask to wait for them", true},
    {errc::overloaded, "overloaded", "send fewer requests at once, and try again later", true},
    {errc::deadline_exceeded, "deadline_exceeded", "allow more time or send fewer pictures at once", true},
    {errc::cancelled, "cancelled", "ask again if it is still wanted"},
    {errc::shutting_down, "shutting_down", "ask another node, or this one after its restart", true},
    {errc::unavailable, "unavailable", "try again shortly; see 'vef status' if it stays so", true},
    {errc::internal, "internal", "this is a bug in vef: please report it with the log"},
    {errc::cannot_write, "cannot_write", "choose another place to write to, or mend its permissions"},
    {errc::disk_full, "disk_full", "free some space, then go on where it stopped (vef embed: with --resume)"},
    {errc::missing_capability, "missing_capability", "provide what is missing, then start the service again"},
    {errc::corrupt_model, "corrupt_model", "the model's files are damaged or incomplete: get them again"},
    {errc::unsupported_model, "unsupported_model",
     "use a model of a supported family; 'vef models' lists what is there"},
    {errc::not_found, "not_found", "check the name of the repository and its revision"},
    {errc::access_denied, "access_denied", "set HF_TOKEN to a token whose account may read it"},
    {errc::download_failed, "download_failed", "try again: what was downloaded is kept", true},
    {errc::unreachable, "unreachable", "check the address, and that a node runs there ('vef serve')", true},
    {errc::incompatible_version, "incompatible_version", "install the same version of vef on both sides"},
    {errc::not_trusted, "not_trusted", "use certificates of one authority on both sides ('vef certs')"},
    {errc::not_allowed, "not_allowed", "do it on that node itself, or change what its file allows"},
    {errc::address_taken, "address_taken", "choose another port, or stop the program that has this one"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (static_cast<std::size_t>(entries[i].code) != i) return false;
  return true;
}
static_assert(in_order(), "one entry per code, in the order of the codes");

const entry& entry_of(errc code) noexcept {
  auto i = static_cast<std::size_t>(code);
  return i < entries.size() ? entries[i] : entries[static_cast<std::size_t>(errc::internal)];
}

} // namespace

std::string_view to_string(errc code) noexcept { return entry_of(code).word; }

errc errc_from_string(std::string_view word) noexcept {
  for (const auto& e : entries)
    if (e.word == word) return e.code;
  return errc::internal;
}

std::string_view advice(errc code) noexcept { return entry_of(code).advice; }

bool retryable(errc code) noexcept { return entry_of(code).retryable; }

std::string describe(const error& x) {
  auto text = x.what.empty() ? std::string{to_string(x.code)} : x.what;
  if (x.code == errc::ok) return text;
  text += " (";
  text += advice(x.code);
  text += ')';
  return text;
}

namespace {

// The length of the valid UTF-8 sequence that starts at i, 0 if there is none.
std::size_t utf8_length(std::string_view s, std::size_t i) {
  auto byte = [&](std::size_t k) { return static_cast<unsigned char>(s[k]); };
  auto lead = byte(i);
  std::size_t n = lead < 0x80                   ? 1
                  : lead >= 0xc2 && lead < 0xe0 ? 2
                  : lead >= 0xe0 && lead < 0xf0 ? 3
                  : lead >= 0xf0 && lead < 0xf5 ? 4
                                                : 0;
  if (n == 0 || i + n > s.size()) return 0;
  for (std::size_t k = 1; k < n; ++k)
    if ((byte(i + k) & 0xc0) != 0x80) return 0;
  return n;
}

} // namespace

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (std::size_t i = 0; i < text.size();) {
    auto n = utf8_length(text, i);
    auto c = static_cast<unsigned char>(text[i]);
    if (n == 0 || c < 0x20 || c == 0x7f) {
      char escaped[5];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(c));
      out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : escaped;
      ++i;
    } else {
      out.append(text, i, n);
      i += n;
    }
  }
  out += '\'';
  return out;
}

} // namespace vef
