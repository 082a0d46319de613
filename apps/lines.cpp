#include <vef/apps/lines.hpp>

#include <vef/apps/json.hpp>

#include <charconv>
#include <cmath>

namespace vef {

namespace {

constexpr std::string_view digits = "0123456789abcdef";

std::string hex_of(std::string_view bytes) {
  std::string out;
  for (auto c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::optional<std::string> bytes_of(std::string_view hex) {
  std::string out;
  if (hex.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    auto high = digits.find(hex[i]), low = digits.find(hex[i + 1]);
    if (high == digits.npos || low == digits.npos) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string number_text(float x) {
  if (!std::isfinite(x)) return "null";
  if (x == 0)
    return std::signbit(x) ? "-0.0" : "0"; // "-0" would be read as a whole number, which has no sign
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

json with_path(const std::string& path) {
  json out{{"path", path}};
  // What JSON can't hold comes back changed.
  if (json::parse(to_line(out))["path"].get_ref<const std::string&>() != path) out["path_hex"] = hex_of(path);
  return out;
}

} // namespace

std::string line_of(const std::string& path, std::uint64_t row) {
  auto x = with_path(path);
  x["row"] = row;
  return to_line(x) + '\n';
}

std::string line_of(const std::string& path, const error& problem) {
  auto x = with_path(path);
  x["error"] = to_string(problem.code);
  x["message"] = problem.what;
  return to_line(x) + '\n';
}

std::string line_of(const std::string& path, std::uint64_t row, std::span<const float> vector) {
  auto out = line_of(path, row);
  out.resize(out.size() - 2); // the brace and the line's end
  out += ",\"vector\":[";
  for (auto x : vector) {
    out += number_text(x);
    out += ',';
  }
  if (!vector.empty()) out.pop_back();
  return out + "]}\n";
}

std::optional<outcome_line> read_line(std::string_view line) {
  auto x = json::parse(line, nullptr, false);
  if (!x.is_object()) return std::nullopt;
  auto path = x.find("path"), hex = x.find("path_hex"), row = x.find("row"), code = x.find("error");
  if (path == x.end() || !path->is_string()) return std::nullopt;
  outcome_line out{path->get<std::string>(), {}, {}};
  if (hex != x.end()) {
    auto bytes = hex->is_string() ? bytes_of(hex->get_ref<const std::string&>()) : std::nullopt;
    if (!bytes) return std::nullopt;
    out.path = std::move(*bytes);
  }
  if (row != x.end() && row->is_number_unsigned()) {
    out.row = row->get<std::uint64_t>();
  } else if (code != x.end() && code->is_string()) {
    out.problem.code = errc_from_string(code->get_ref<const std::string&>());
    out.problem.what = x.value("message", std::string{});
  } else {
    return std::nullopt;
  }
  return out;
}

} // namespace vef
