#include <vef/backends/size_text.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

namespace vef {

namespace {

struct unit {
  std::string_view name;
  double bytes;
};

constexpr std::array units{unit{"", 1},         unit{"b", 1},       unit{"kb", 1e3},     unit{"mb", 1e6},
                           unit{"gb", 1e9},     unit{"tb", 1e12},   unit{"kib", 0x1p10}, unit{"mib", 0x1p20},
                           unit{"gib", 0x1p30}, unit{"tib", 0x1p40}};

std::optional<double> factor_of(std::string_view name, std::uint64_t whole) {
  if (name == "%") return whole == 0 ? std::nullopt : std::optional{static_cast<double>(whole) / 100};
  std::string lower{name};
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  auto found = std::ranges::find(units, lower, &unit::name);
  return found == units.end() ? std::nullopt : std::optional{found->bytes};
}

} // namespace

result<std::uint64_t> parse_size(std::string_view text, std::uint64_t whole) {
  auto refuse = [&](const char* why) {
    return fail(errc::invalid_argument, vef::quoted(text) + " is no amount of memory: " + why
                                            + "; write for example "
                                            + (whole == 0 ? "2GB or 512MiB" : "2GB, 512MiB or 50%"));
  };
  double amount = 0;
  auto [end, problem] =
      std::from_chars(text.data(), text.data() + text.size(), amount, std::chars_format::fixed);
  if (problem != std::errc{} || !std::isfinite(amount)) return refuse("it does not begin with a number");
  auto name = text.substr(static_cast<std::size_t>(end - text.data()));
  name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
  auto factor = factor_of(name, whole);
  if (!factor) return refuse(name == "%" ? "what it is a share of is not known" : "the unit is not known");
  if (name == "%" && amount > 100) return refuse("it is over 100 %");
  auto bytes = amount * *factor;
  if (!(bytes >= 1)) return refuse("it is nothing at all");
  if (bytes >= 0x1p63) return refuse("it is too large");
  return static_cast<std::uint64_t>(bytes);
}

} // namespace vef
