#include <vef/backends/hub/environment.hpp>

#include <vef/backends/hub/files.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <pwd.h>
#include <unistd.h>

namespace vef {

namespace {

std::optional<std::string> value(const environment& x, const std::string& name) {
  auto found = x(name);
  if (found && found->empty()) return {};
  return found;
}

std::string home(const environment& x) {
  if (auto named = value(x, "HOME")) return *named;
  // A daemon may have no HOME; its account has one.
  std::vector<char> buffer(1 << 14);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found)
    return entry.pw_dir;
  return "~";
}

bool is_variable_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// The length of "$NAME" or "${NAME}" at the start of `text`, 0 if there is none, and the name.
std::size_t variable_at(std::string_view text, std::string& name) {
  if (text.size() < 2 || text[0] != '$') return 0;
  if (text[1] == '{') {
    auto end = text.find('}');
    if (end == text.npos) return 0;
    name = text.substr(2, end - 2);
    return end + 1;
  }
  std::size_t end = 1;
  while (end < text.size() && is_variable_character(text[end])) ++end;
  name = text.substr(1, end - 1);
  return name.empty() ? 0 : end;
}

std::string expanded(const environment& x, std::string_view text) {
  std::string out;
  if (text == "~" || text.starts_with("~/")) {
    out = home(x);
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    std::string name;
    auto size = variable_at(text, name);
    if (auto found = size > 0 ? x(name) : std::optional<std::string>{}) {
      out += *found;
    } else {
      size = std::max<std::size_t>(size, 1);
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

std::filesystem::path hub_home(const environment& x) {
  if (auto named = value(x, "HF_HOME")) return expanded(x, *named);
  auto caches = value(x, "XDG_CACHE_HOME").value_or("~/.cache");
  return std::filesystem::path{expanded(x, caches)} / "huggingface";
}

// Nothing if nothing is left.
std::optional<std::string> cleaned(std::string text) {
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  constexpr std::string_view blanks = " \t\v\f";
  text.erase(text.find_last_not_of(blanks) + 1);
  text.erase(0, std::min(text.find_first_not_of(blanks), text.size()));
  if (text.empty()) return {};
  return text;
}

} // namespace

environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    if (auto found = std::getenv(name.c_str())) return found;
    return {};
  };
}

std::filesystem::path hub_cache_folder(const environment& x) {
  for (auto name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (auto named = value(x, name)) return expanded(x, *named);
  return hub_home(x) / "hub";
}

std::string hub_endpoint(const environment& x) {
  auto named = value(x, "HF_ENDPOINT").value_or("https://huggingface.co");
  named.erase(named.find_last_not_of('/') + 1);
  return named;
}

std::optional<std::string> hub_token(const environment& x) {
  auto named = value(x, "HF_TOKEN");
  if (!named) named = value(x, "HUGGING_FACE_HUB_TOKEN");
  if (named) named = cleaned(*named);
  if (named) return named;
  auto path = value(x, "HF_TOKEN_PATH");
  auto file = path ? std::filesystem::path{expanded(x, *path)} : hub_home(x) / "token";
  auto content = read_small_file(file, 1 << 14);
  return content ? cleaned(*content) : content;
}

bool hub_is_offline(const environment& x) {
  auto named = value(x, "HF_HUB_OFFLINE");
  if (!named) named = value(x, "TRANSFORMERS_OFFLINE");
  if (!named) return false;
  std::ranges::transform(*named, named->begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  constexpr std::array<std::string_view, 4> yes{"1", "ON", "YES", "TRUE"};
  return std::ranges::find(yes, *named) != yes.end();
}

} // namespace vef
