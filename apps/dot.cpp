#include <vef/apps/dot.hpp>

#include <cstring>

// The sums are variables of their own rather than arrays, which the compiler would keep in memory.
namespace vef {

namespace {

// Partial sums that fit a register of this size; where registers are smaller, the compiler takes two.
using numbers [[gnu::vector_size(32)]] = float;
constexpr std::size_t lanes = sizeof(numbers) / sizeof(float);

[[gnu::always_inline]] inline void add_product(numbers& sum, const float* a, const numbers& b) {
  numbers own;
  std::memcpy(&own, a, sizeof own);
  sum += own * b;
}

[[gnu::always_inline]] inline float total(const numbers& sums, const float* a, const float* b,
                                          std::size_t rest) {
  float out = 0;
  for (std::size_t j = 0; j < lanes; ++j) out += sums[j];
  for (std::size_t j = 0; j < rest; ++j) out += a[j] * b[j];
  return out;
}

[[gnu::always_inline]] inline float one(const float* a, const float* b, std::size_t n) {
  numbers sums{}, other;
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    std::memcpy(&other, b + i, sizeof other);
    add_product(sums, a + i, other);
  }
  return total(sums, a + i, b + i, n - i);
}

[[gnu::always_inline]] inline void four(const float* const* a, const float* b, std::size_t n, float* out) {
  auto a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
  numbers s0{}, s1{}, s2{}, s3{}, other;
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    std::memcpy(&other, b + i, sizeof other);
    add_product(s0, a0 + i, other);
    add_product(s1, a1 + i, other);
    add_product(s2, a2 + i, other);
    add_product(s3, a3 + i, other);
  }
  out[0] = total(s0, a0 + i, b + i, n - i);
  out[1] = total(s1, a1 + i, b + i, n - i);
  out[2] = total(s2, a2 + i, b + i, n - i);
  out[3] = total(s3, a3 + i, b + i, n - i);
}

float one_plain(const float* a, const float* b, std::size_t n) { return one(a, b, n); }
void four_plain(const float* const* a, const float* b, std::size_t n, float* out) { four(a, b, n, out); }

#ifdef __x86_64__
[[gnu::target("avx2,fma")]] float one_wide(const float* a, const float* b, std::size_t n) {
  return one(a, b, n);
}
[[gnu::target("avx2,fma")]] void four_wide(const float* const* a, const float* b, std::size_t n, float* out) {
  four(a, b, n, out);
}
const bool wide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
constexpr auto one_wide = one_plain;
constexpr auto four_wide = four_plain;
constexpr bool wide = false;
#endif

} // namespace

float dot(const float* a, const float* b, std::size_t n) {
  return wide ? one_wide(a, b, n) : one_plain(a, b, n);
}

std::array<float, 4> dot4(const std::array<const float*, 4>& a, const float* b, std::size_t n) {
  std::array<float, 4> out;
  if (wide)
    four_wide(a.data(), b, n, out.data());
  else
    four_plain(a.data(), b, n, out.data());
  return out;
}

} // namespace vef
