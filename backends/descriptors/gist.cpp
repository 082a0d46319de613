#include <vef/backends/descriptors/gist.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace vef {

namespace {

constexpr float wavelength = 4.5f; // pixels
constexpr float envelope = 2;      // standard deviation, pixels
constexpr float energy_floor = 0.02f;
constexpr float block_floor = 0.1f;
constexpr float mean_gain = 1.5f; // of the directions of the whole, next to where they are

constexpr std::size_t margin = gist_bank::radius;
constexpr std::size_t width = 2 * margin + 1; // of a filter

float gaussian(float distance, float deviation) {
  return std::exp(-distance * distance / (2 * deviation * deviation));
}

// The plane without what is smooth, so that a filter whose taps do not quite add up to zero meets nothing to
// add up.
plane without_base(plane x) {
  auto base = local_mean(local_mean(x, 5), 5);
  for (std::size_t i = 0; i < x.values.size(); ++i) x.values[i] -= base.values[i];
  return x;
}

// With a margin all around that mirrors the rim.
plane padded(const plane& x) {
  plane out{x.side + 2 * margin};
  auto mirror = [&](std::size_t i) {
    if (i < margin) return margin - 1 - i;
    return i < margin + x.side ? i - margin : margin + 2 * x.side - 1 - i;
  };
  for (std::size_t y = 0; y < out.side; ++y)
    for (std::size_t i = 0; i < out.side; ++i) out.row(y)[i] = x.row(mirror(y))[mirror(i)];
  return out;
}

} // namespace

gist_bank::wave gist_bank::make_wave(float frequency) {
  wave out;
  float sum = 0;
  for (std::size_t i = 0; i < width; ++i) sum += gaussian(static_cast<float>(i) - radius, envelope);
  for (std::size_t i = 0; i < width; ++i) {
    auto place = static_cast<float>(i) - radius;
    out.cosine[i] = gaussian(place, envelope) / sum * std::cos(frequency * place);
    out.sine[i] = gaussian(place, envelope) / sum * std::sin(frequency * place);
  }
  return out;
}

gist_bank::gist_bank(std::size_t side, const layout_shape& shape)
    : side_(side)
    , layout_(side, shape) {
  constexpr auto pi = std::numbers::pi_v<float>;
  for (std::size_t i = 0; i < filters_.size(); ++i) {
    auto angle = pi * static_cast<float>(i) / directions;
    auto frequency = 2 * pi / wavelength;
    filters_[i] = {make_wave(frequency * std::cos(angle)), make_wave(frequency * std::sin(angle))};
  }
}

// A row of the plane filtered along one of its axes: `step` is the way to the next pixel on that axis.
void gist_bank::wave::apply(const float* from, std::size_t step, std::span<float> cosines,
                            std::span<float> sines) const {
  // Without the promise that in- and outputs do not overlap this would not become vector instructions.
  auto* __restrict c = cosines.data();
  auto* __restrict s = sines.data();
  const auto waves = *this;
  for (std::size_t x = 0; x < cosines.size(); ++x) {
    float cosine_sum = 0, sine_sum = 0;
    for (std::size_t i = 0; i < width; ++i) {
      cosine_sum += from[x + i * step] * waves.cosine[i];
      sine_sum += from[x + i * step] * waves.sine[i];
    }
    c[x] = cosine_sum;
    s[x] = sine_sum;
  }
}

void gist_bank::filter::measure(const plane& in, plane& energy, plane& mirrored) const {
  auto side = energy.side;
  std::vector<float> cosines(in.side * side), sines(in.side * side); // of the rows
  for (std::size_t y = 0; y < in.side; ++y)
    across.apply(in.row(y), 1, {cosines.data() + y * side, side}, {sines.data() + y * side, side});

  std::vector<float> cc(side), cs(side), sc(side), ss(side);
  for (std::size_t y = 0; y < side; ++y) {
    down.apply(cosines.data() + y * side, side, cc, cs);
    down.apply(sines.data() + y * side, side, sc, ss);
    auto *one = energy.row(y), *other = mirrored.row(y);
    for (std::size_t x = 0; x < side; ++x)
      other[x] = std::sqrt((cc[x] + ss[x]) * (cc[x] + ss[x]) + (cs[x] - sc[x]) * (cs[x] - sc[x]));
    for (std::size_t x = 0; x < side; ++x)
      one[x] = std::sqrt((cc[x] - ss[x]) * (cc[x] - ss[x]) + (cs[x] + sc[x]) * (cs[x] + sc[x]));
  }
}

std::vector<plane> gist_bank::energies(const plane& tone) const {
  auto detail = padded(without_base(tone));
  std::vector<plane> out(directions, plane{side_});
  for (std::size_t i = 0; i < filters_.size(); ++i)
    filters_[i].measure(detail, out[i],
                        out[(directions - i) % directions]); // 0 and 90 degrees mirror themselves
  return out;
}

void gist_bank::append(const plane& tone, float weight, std::vector<float>& out) const {
  auto energy = energies(tone);
  plane all{side_};
  for (const auto& x : energy)
    for (std::size_t i = 0; i < all.values.size(); ++i) all.values[i] += x.values[i] / directions;
  auto scale = local_mean(all, side_ / 4 + 1);
  auto whole = mean(all);
  for (auto& x : scale.values) x = 1 / ((x + whole) / 2 + energy_floor);

  // The energy of all directions, then each direction's deviation from it.
  std::vector<float> block;
  plane relative{side_};
  for (std::size_t i = 0; i < all.values.size(); ++i) relative.values[i] = all.values[i] * scale.values[i];
  layout_.append(relative, std::sqrt(static_cast<float>(directions)), block);
  for (const auto& x : energy) {
    for (std::size_t i = 0; i < all.values.size(); ++i)
      relative.values[i] = (x.values[i] - all.values[i]) * scale.values[i];
    auto average = layout_.append(relative, 1, block);
    block.push_back(average * mean_gain);
  }
  append_balanced(block, weight, block_floor, out);
}

} // namespace vef
