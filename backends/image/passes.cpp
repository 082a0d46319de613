// The inner loops of resizing. All of them compute the same 32-bit sums, so that a machine without wide
// vectors is slower but never different. Weights have up to 23 bits and a sign: sums of 16-bit products are
// done for their upper and lower parts apart.
#include <vef/backends/image/resample.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace vef {

namespace {

constexpr std::int32_t half(int bits) { return 1 << (bits - 1); }

std::uint8_t to_byte(std::int32_t sum, int bits) {
  return static_cast<std::uint8_t>(std::clamp(sum >> bits, 0, 255));
}

void row_across(const axis_weights& axis, const std::uint8_t* from, std::uint8_t* to) {
  for (std::size_t o = 0; o < axis.first.size(); ++o) {
    auto pixel = from + std::size_t{axis.first[o]} * 3;
    auto weights = axis.weights.data() + o * axis.taps;
    std::int32_t r = half(axis.bits), g = r, b = r;
    for (std::uint32_t i = 0; i < axis.count[o]; ++i, pixel += 3) {
      r += weights[i] * pixel[0];
      g += weights[i] * pixel[1];
      b += weights[i] * pixel[2];
    }
    *to++ = to_byte(r, axis.bits);
    *to++ = to_byte(g, axis.bits);
    *to++ = to_byte(b, axis.bits);
  }
}

// Blocks of bytes whose sums stay in registers while all rows pass by.
template <std::size_t Block>
[[gnu::always_inline]] inline void sum_block(const std::uint8_t* from, std::size_t stride,
                                             std::span<const std::int32_t> weights, int bits,
                                             std::uint8_t* to) {
  std::array<std::int32_t, Block> sums;
  sums.fill(half(bits));
  for (auto weight : weights) {
    for (std::size_t i = 0; i < Block; ++i) sums[i] += weight * from[i];
    from += stride;
  }
  for (std::size_t i = 0; i < Block; ++i) to[i] = to_byte(sums[i], bits);
}

[[gnu::always_inline]] inline void sum_all(const std::uint8_t* from, std::size_t stride,
                                           std::span<const std::int32_t> weights, int bits, std::uint8_t* to,
                                           std::size_t size) {
  constexpr std::size_t block = 32;
  std::size_t at = 0;
  for (; at + block <= size; at += block) sum_block<block>(from + at, stride, weights, bits, to + at);
  for (; at < size; ++at) sum_block<1>(from + at, stride, weights, bits, to + at);
}

#if defined(__x86_64__)

// Which of four RGB pixels' bytes become the 16-bit pairs that one instruction multiplies by a pair of
// weights and adds: red of pixels 0 and 1, red of 2 and 3, green likewise; in the upper half blue likewise.
// -1 makes a zero.
[[gnu::target("avx2")]] inline __m256i pair_up() {
  return _mm256_setr_epi8(0, -1, 3, -1, 6, -1, 9, -1, 1, -1, 4, -1, 7, -1, 10, -1, //
                          2, -1, 5, -1, 8, -1, 11, -1, -1, -1, -1, -1, -1, -1, -1, -1);
}

[[gnu::target("avx2")]] inline void store_pixel(__m256i high, __m256i low, int bits, std::uint8_t* to) {
  auto sums = _mm256_add_epi32(_mm256_slli_epi32(high, 8), low);
  sums = _mm256_hadd_epi32(sums, sums); // r g r g | b 0 b 0
  auto rgb = _mm_unpacklo_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  rgb = _mm_sra_epi32(_mm_add_epi32(rgb, _mm_set1_epi32(half(bits))), _mm_cvtsi32_si128(bits));
  rgb = _mm_packs_epi32(rgb, rgb);
  auto bytes = _mm_cvtsi128_si32(_mm_packus_epi16(rgb, rgb));
  std::memcpy(to, &bytes, 3);
}

template <std::size_t Rows>
[[gnu::target("avx2")]] void rows_across(const axis_weights& axis, const std::int16_t* halves,
                                         const std::uint8_t* const* from, std::uint8_t* const* to) {
  const auto pairs = pair_up();
  for (std::size_t o = 0; o < axis.first.size(); ++o) {
    __m256i high[Rows], low[Rows];
    for (std::size_t r = 0; r < Rows; ++r) high[r] = low[r] = _mm256_setzero_si256();
    auto offset = std::size_t{axis.first[o]} * 3;
    auto weights = halves + o * axis.taps * 2;
    for (std::uint32_t i = 0; i < axis.count[o]; i += 4, weights += 8, offset += 12) {
      long long upper, lower;
      std::memcpy(&upper, weights, 8);
      std::memcpy(&lower, weights + 4, 8);
      auto by_upper = _mm256_set1_epi64x(upper), by_lower = _mm256_set1_epi64x(lower);
      for (std::size_t r = 0; r < Rows; ++r) {
        auto four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[r] + offset));
        auto samples = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), pairs);
        high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(samples, by_upper));
        low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(samples, by_lower));
      }
    }
    for (std::size_t r = 0; r < Rows; ++r) store_pixel(high[r], low[r], axis.bits, to[r] + o * 3);
  }
}

[[gnu::target("avx2")]] void sum_all_avx2(const std::uint8_t* from, std::size_t stride,
                                          std::span<const std::int32_t> weights, int bits, std::uint8_t* to,
                                          std::size_t size) {
  sum_all(from, stride, weights, bits, to, size);
}

bool has_avx2() {
  static const bool yes = __builtin_cpu_supports("avx2");
  return yes;
}

#endif

// The upper part of a weight must fit 16 bits, which every filter's does by far.
bool fits_halves(std::int32_t weight) { return weight >= -(1 << 23) && weight < 1 << 23; }

} // namespace

row_resampler::row_resampler(const axis_weights& axis)
    : axis_(axis) {
#if defined(__x86_64__)
  if (!has_avx2() || !std::ranges::all_of(axis.weights, fits_halves)) return;
  halves_.resize(axis.weights.size() * 2);
  for (std::size_t i = 0; i < axis.weights.size(); ++i) {
    auto place = i / 4 * 8 + i % 4;
    halves_[place] = static_cast<std::int16_t>(axis.weights[i] >> 8);
    halves_[place + 4] = static_cast<std::int16_t>(axis.weights[i] & 0xff);
  }
#else
  static_cast<void>(fits_halves);
#endif
}

void row_resampler::operator()(std::span<const std::uint8_t* const> from, std::span<std::uint8_t* const> to,
                               std::size_t left) const {
  std::size_t done = 0;
#if defined(__x86_64__)
  // Four pixels are read as sixteen bytes, and taps come in fours: up to thirteen bytes behind the row.
  if (!halves_.empty() && left >= std::size_t{axis_.end} * 3 + 13) {
    for (; done + 4 <= from.size(); done += 4)
      rows_across<4>(axis_, halves_.data(), from.data() + done, to.data() + done);
    for (; done < from.size(); ++done)
      rows_across<1>(axis_, halves_.data(), from.data() + done, to.data() + done);
  }
#else
  static_cast<void>(left);
#endif
  for (; done < from.size(); ++done) row_across(axis_, from[done], to[done]);
}

void sum_rows(const std::uint8_t* from, std::size_t stride, std::span<const std::int32_t> weights, int bits,
              std::uint8_t* to, std::size_t size) {
#if defined(__x86_64__)
  if (has_avx2()) return sum_all_avx2(from, stride, weights, bits, to, size);
#endif
  sum_all(from, stride, weights, bits, to, size);
}

} // namespace vef
