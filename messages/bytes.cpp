#include <vef/messages/bytes.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>

namespace vef {

bool shared_bytes::operator==(const shared_bytes& other) const noexcept {
  return bytes_ == other.bytes_ || std::ranges::equal(view(), other.view());
}

matrix::matrix(std::size_t rows, std::size_t dim, std::shared_ptr<const std::vector<float>> values)
    : rows_(rows)
    , dim_(dim)
    , values_(std::move(values)) {
  if (this->values().size() != rows * dim) throw std::invalid_argument("vef::matrix: not rows x dim values");
}

bool matrix::operator==(const matrix& other) const noexcept {
  return rows_ == other.rows_ && dim_ == other.dim_
         && (values_ == other.values_ || std::ranges::equal(values(), other.values()));
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 1023.5 KiB would round to "1024 KiB": the next unit begins just below it.
  while (amount >= 1023.5 && unit + 1 < units.size()) {
    amount /= 1024;
    ++unit;
  }
  auto digits = unit == 0 || amount >= 100 ? 0 : amount >= 10 ? 1 : 2;
  char text[32];
  std::snprintf(text, sizeof text, "%.*f %s", digits, amount, units[unit]);
  return text;
}

std::string format_share(double share) { return std::to_string(static_cast<int>(share * 100 + 0.5)) + " %"; }

} // namespace vef
