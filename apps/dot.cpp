#include <vef/apps/dot.hpp>

#include <numeric>

namespace vef {

namespace {

constexpr std::size_t lanes =
    16; // partial sums of each product, so that the compiler may use vector registers

template <std::size_t N>
[[gnu::always_inline]] inline std::array<float, N> products(const std::array<const float*, N>& a,
                                                            const float* b, std::size_t n) {
  float sums[N][lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t k = 0; k < N; ++k)
      for (std::size_t j = 0; j < lanes; ++j) sums[k][j] += a[k][i + j] * b[i + j];
  std::array<float, N> out;
  for (std::size_t k = 0; k < N; ++k) {
    out[k] = std::accumulate(sums[k], sums[k] + lanes, 0.0f);
    for (auto rest = i; rest < n; ++rest) out[k] += a[k][rest] * b[rest];
  }
  return out;
}

using one = std::array<float, 1> (*)(const std::array<const float*, 1>&, const float*, std::size_t);
using four = std::array<float, 4> (*)(const std::array<const float*, 4>&, const float*, std::size_t);

std::array<float, 1> one_plain(const std::array<const float*, 1>& a, const float* b, std::size_t n) {
  return products<1>(a, b, n);
}
std::array<float, 4> four_plain(const std::array<const float*, 4>& a, const float* b, std::size_t n) {
  return products<4>(a, b, n);
}

#ifdef __x86_64__

[[gnu::target("avx2,fma")]] std::array<float, 1> one_wide(const std::array<const float*, 1>& a,
                                                          const float* b, std::size_t n) {
  return products<1>(a, b, n);
}
[[gnu::target("avx2,fma")]] std::array<float, 4> four_wide(const std::array<const float*, 4>& a,
                                                           const float* b, std::size_t n) {
  return products<4>(a, b, n);
}

bool wide() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

const one chosen_one = wide() ? one_wide : one_plain;
const four chosen_four = wide() ? four_wide : four_plain;

#else

const one chosen_one = one_plain;
const four chosen_four = four_plain;

#endif

} // namespace

float dot(const float* a, const float* b, std::size_t n) { return chosen_one({a}, b, n)[0]; }

std::array<float, 4> dot4(const std::array<const float*, 4>& a, const float* b, std::size_t n) {
  return chosen_four(a, b, n);
}

} // namespace vef
