#include <vef/backends/descriptors/describer.hpp>

#include <algorithm>

namespace vef {

namespace {

constexpr std::size_t tone_side = 32;
constexpr std::size_t finest_hog = 64;
constexpr std::size_t coarsest = 16;
constexpr float tone_floor = 0.02f;

// What a picture without any content consists of, so that its vector has a length too.
constexpr float constant = 0.05f;

} // namespace

describer::describer(const recipe& x)
    : recipe_(x)
    , tone_(tone_side, x.tone)
    , colour_(x.colour) {
  for (auto side = std::min(x.side, finest_hog); side >= coarsest; side /= 2) hog_.emplace_back(side, x.hog);
  if (x.gist_weight > 0)
    for (auto side = x.side; side >= coarsest; side /= 2) gist_.emplace_back(side, x.gist);
  auto side = static_cast<std::uint32_t>(x.side);
  dim_ = blocks({side, side, std::vector<std::uint8_t>(x.side * x.side * 3)}).size();
}

std::vector<float> describer::blocks(const pixels& picture) const {
  auto levels = pyramid(tone_of(picture), coarsest);
  auto level = [&](std::size_t side) -> const plane& {
    return *std::find_if(levels.begin(), levels.end(), [&](const plane& x) { return x.side == side; });
  };
  std::vector<float> out, block;
  out.reserve(dim_);
  tone_.append(level(tone_side), 1, block);
  append_balanced(block, recipe_.tone_weight, tone_floor, out);
  colour_.append(picture, recipe_.colour_weight, recipe_.palette_weight, out);
  for (const auto& bank : hog_) {
    auto weight = bank.side() == finest_hog ? recipe_.fine_hog_weight : recipe_.hog_weight;
    bank.append(level(bank.side()), weight, out);
  }
  for (const auto& bank : gist_) bank.append(level(bank.side()), recipe_.gist_weight, out);
  out.push_back(constant);
  return out;
}

void describer::describe(const pixels& picture, std::span<float> out) const {
  auto numbers = blocks(picture);
  normalise(numbers);
  std::copy(numbers.begin(), numbers.end(), out.begin());
}

std::size_t describer::bytes() const noexcept {
  auto sum = sizeof *this + tone_.bytes() + colour_.bytes();
  sum += hog_.capacity() * sizeof(hog_bank) + gist_.capacity() * sizeof(gist_bank);
  for (const auto& bank : hog_) sum += bank.bytes();
  for (const auto& bank : gist_) sum += bank.bytes();
  return sum;
}

std::size_t describer::working_bytes() const noexcept {
  // The pyramid is 4/3 planes of the picture's size. On the finest level Gabor filters hold one plane for
  // each direction and five more, gradients seven planes of their level.
  auto squares = [](std::size_t side) { return side * side * sizeof(float); };
  auto gradients = 7 * squares(std::min(recipe_.side, finest_hog));
  auto filters = gist_.empty() ? 0 : (gist_bank::directions + 5) * squares(recipe_.side);
  return 4 * squares(recipe_.side) / 3 + std::max(gradients, filters) + 2 * dim_ * sizeof(float);
}

} // namespace vef
