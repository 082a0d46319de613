#include <vef/backends/hub/model_name.hpp>

#include <algorithm>

namespace vef {

namespace {

constexpr std::string_view prefix = "models--";
constexpr std::size_t longest_part = 96;

// Of ASCII only, whatever the locale says.
bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_'
         || c == '-';
}

bool is_name_part(std::string_view part) {
  auto edge = [](char c) { return c == '.' || c == '-'; };
  return !part.empty() && part.size() <= longest_part && !edge(part.front()) && !edge(part.back())
         && std::ranges::all_of(part, is_name_character);
}

bool is_control(char c) {
  auto x = static_cast<unsigned char>(c);
  return x < 0x20 || x == 0x7f;
}

result<model_name> refuse(std::string_view text, const std::string& why) {
  return fail(errc::invalid_argument, "no model of the Hub can be named " + vef::quoted(text) + ": " + why);
}

} // namespace

bool is_model_id(std::string_view id) {
  if (id.find("--") != id.npos || id.find("..") != id.npos || id.ends_with(".git")) return false;
  auto slash = id.find('/');
  if (slash == id.npos) return is_name_part(id);
  return is_name_part(id.substr(0, slash)) && is_name_part(id.substr(slash + 1));
}

result<model_name> parse_model_name(std::string_view text) {
  auto at = text.find('@');
  model_name x{.id = std::string{text.substr(0, at)}};
  if (!is_model_id(x.id))
    return refuse(text,
                  "expected ORG/NAME or ORG/NAME@REVISION, each part of at most 96 letters, digits, '.', "
                  "'_' and '-', without '.' or '-' at its ends, '--', '..' or '.git'");
  if (at == text.npos) return x;
  x.revision = text.substr(at + 1);
  if (x.revision.find(' ') != x.revision.npos || x.revision.find("..") != x.revision.npos
      || !is_safe_path(x.revision))
    return refuse(text, "after '@' comes a branch, a tag or a commit, without spaces, '..' and empty parts");
  return x;
}

std::string repository_folder(std::string_view id) {
  std::string out{prefix};
  for (auto c : id) {
    if (c == '/') {
      out += "--";
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> id_of_folder(std::string_view folder) {
  if (!folder.starts_with(prefix)) return {};
  std::string id{folder.substr(prefix.size())};
  if (auto between = id.find("--"); between != id.npos) id.replace(between, 2, "/");
  if (!is_model_id(id)) return {};
  return id;
}

bool is_commit(std::string_view revision) {
  return revision.size() == 40 && std::ranges::all_of(revision, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_safe_etag(std::string_view etag) {
  return !etag.empty() && etag.size() <= 128 && etag.front() != '.'
         && std::ranges::all_of(etag, is_name_character);
}

bool is_safe_path(std::string_view path) {
  if (path.size() > 1024) return false;
  if (std::ranges::any_of(path, [](char c) { return is_control(c) || c == '\\'; })) return false;
  for (;;) {
    auto part = path.substr(0, path.find('/'));
    if (part.empty() || part.size() > 255 || part == "." || part == "..") return false;
    if (part.size() == path.size()) return true;
    path.remove_prefix(part.size() + 1);
  }
}

} // namespace vef
