#include <vef/apps/text.hpp>

#include <vef/messages/errors.hpp>

#include <cmath>
#include <cstdio>

namespace vef {

namespace {

bool starts_letter(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

constexpr std::string_view gap = "...";

} // namespace

std::string printable(std::string_view path) {
  auto text = vef::quoted(path);
  return text.substr(1, text.size() - 2);
}

std::size_t display_width(std::string_view text) {
  std::size_t n = 0;
  for (auto c : text) n += starts_letter(c);
  return n;
}

std::string keep_end(std::string_view text, std::size_t width) {
  auto letters = display_width(text);
  if (letters <= width) return std::string{text};
  if (width <= gap.size()) return std::string{gap.substr(0, width)};
  auto drop = letters - (width - gap.size());
  std::size_t i = 0;
  for (; i < text.size(); ++i)
    if (starts_letter(text[i]) && drop-- == 0) break;
  return std::string{gap} + std::string{text.substr(i)};
}

std::string keep_start(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string{text};
  if (width <= gap.size()) return std::string{gap.substr(0, width)};
  auto keep = width - gap.size();
  std::size_t i = 0;
  for (; i < text.size(); ++i)
    if (starts_letter(text[i]) && keep-- == 0) break;
  return std::string{text.substr(0, i)} + std::string{gap};
}

std::string format_duration(double seconds) {
  char out[48];
  if (!(seconds >= 0) || seconds > 1e9) return "unknown";
  if (seconds < 59.95) {
    std::snprintf(out, sizeof out, "%.1f s", seconds);
    return out;
  }
  auto whole = std::llround(seconds);
  auto hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
  if (hours == 0)
    std::snprintf(out, sizeof out, "%lld:%02lld min", minutes, rest);
  else
    std::snprintf(out, sizeof out, "%lld:%02lld:%02lld h", hours, minutes, rest);
  return out;
}

std::string grouped(std::size_t n) {
  auto digits = std::to_string(n);
  for (auto i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string count(std::size_t n, std::string_view noun) {
  auto out = grouped(n) + ' ' + std::string{noun};
  return n == 1 ? out : out + 's';
}

} // namespace vef
