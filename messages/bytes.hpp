#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace vef {

/// Immutable bytes, shared by reference inside a process and copied only when they leave it. Safe to share
/// between threads.
class shared_bytes {
public:
  shared_bytes() = default;
  explicit shared_bytes(std::vector<std::uint8_t> bytes)
      : bytes_(std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes))) {}

  std::span<const std::uint8_t> view() const noexcept {
    return bytes_ ? std::span<const std::uint8_t>{*bytes_} : std::span<const std::uint8_t>{};
  }
  std::size_t size() const noexcept { return bytes_ ? bytes_->size() : 0; }
  bool operator==(const shared_bytes& other) const noexcept;

private:
  std::shared_ptr<const std::vector<std::uint8_t>> bytes_;
};

/// Row-major float32 numbers, one row per picture, shared by reference inside a process. Safe to share
/// between threads. On the network: rows, dim, then the numbers as one block of little-endian bytes.
class matrix {
public:
  matrix() = default;

  /// Takes `values`, of which there are rows x dim.
  matrix(std::size_t rows, std::size_t dim, std::shared_ptr<const std::vector<float>> values);

  std::size_t rows() const noexcept { return rows_; }
  std::size_t dim() const noexcept { return dim_; }
  std::span<const float> row(std::size_t i) const noexcept { return values().subspan(i * dim_, dim_); }
  std::span<const float> values() const noexcept {
    return values_ ? std::span<const float>{*values_} : std::span<const float>{};
  }
  bool operator==(const matrix& other) const noexcept;

private:
  std::size_t rows_ = 0;
  std::size_t dim_ = 0;
  std::shared_ptr<const std::vector<float>> values_;
};

/// "1.5 GiB": three significant digits in binary units.
std::string format_bytes(std::uint64_t bytes);

/// A share of 0..1 for people: "85 %".
std::string format_share(double share);

inline namespace literals {
constexpr std::uint64_t operator""_KiB(unsigned long long n) { return n << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long n) { return n << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long n) { return n << 30; }
} // namespace literals

} // namespace vef
