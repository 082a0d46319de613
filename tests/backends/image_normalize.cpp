// What becomes of the values of a sample, step by step (hf.md, 5.2).
#include "image_support.hpp"

using namespace vef;
using namespace vef::test;

namespace {

// All 256 values of a sample, normalised.
std::vector<float> values_of(const preparation& x) {
  pixels ramp{256, 1, {}};
  for (std::size_t i = 0; i < 256 * 3; ++i) ramp.rgb.push_back(static_cast<std::uint8_t>(i / 3));
  std::vector<float> out(256 * 3);
  normalize_into({&ramp, 1}, x, tensor_layout::nhwc, out);
  return out;
}

void check_values(const preparation& x, auto expected) {
  auto got = values_of(x);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    volatile float stored = expected(static_cast<float>(i / 3), i % 3);
    wrong += got[i] != stored;
  }
  CHECK(wrong == 0);
}

} // namespace

TEST_CASE("shift and divisor are single steps in Pillow's arithmetic") {
  preparation x;
  x.mean = {0.48145466f, 0.4578275f, 0.40821073f};
  x.std = {0.26862954f, 0.26130258f, 0.27577711f};
  x.divisor = {0.3f, 0.7f, 1.0f};
  x.shift = 1;
  check_values(x, [&](float v, std::size_t c) {
    auto scaled = static_cast<float>(static_cast<double>(v) * x.scale);
    return (scaled - 1.0f - x.mean[c]) / x.std[c] / x.divisor[c];
  });
}

TEST_CASE("torchvision folds the scale into mean and std where nothing is in between") {
  preparation x;
  x.arithmetic = arithmetic::torchvision;
  x.mean = {0.48145466f, 0.4578275f, 0.40821073f};
  x.std = {0.26862954f, 0.26130258f, 0.27577711f};
  x.divisor = {0.3f, 0.7f, 1.0f};
  auto whole = static_cast<float>(1 / x.scale);
  check_values(x, [&](float v, std::size_t c) {
    volatile float mean = x.mean[c] * whole, std = x.std[c] * whole;
    return (v - mean) / std / x.divisor[c];
  });

  x.shift = 1;
  auto factor = static_cast<float>(x.scale);
  check_values(x, [&](float v, std::size_t c) {
    volatile float scaled = v * factor;
    return (scaled - 1.0f - x.mean[c]) / x.std[c] / x.divisor[c];
  });

  x.shift = 0;
  x.mean = {0, 0, 0};
  x.std = {1, 1, 1};
  check_values(x, [&](float v, std::size_t c) {
    volatile float scaled = v * factor;
    return scaled / x.divisor[c];
  });
}
