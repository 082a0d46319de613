#include <vef/actors/working_memory.hpp>

#include <algorithm>
#include <iterator>
#include <limits>

namespace vef {

namespace {

constexpr auto most = std::numeric_limits<std::uint64_t>::max();

std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) { return b > most - a ? most : a + b; }

// a * b / c, rounded up.
std::uint64_t saturating_share(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  __extension__ using wide = unsigned __int128;
  // No overflow: (2^64 - 1)^2 + 2^64 - 2 is below 2^128.
  auto share = (static_cast<wide>(a) * b + (c - 1)) / c;
  return share > most ? most : static_cast<std::uint64_t>(share);
}

std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) { return saturating_share(a, b, 1); }

} // namespace

working_memory::working_memory(std::uint64_t estimate, const std::vector<working_sample>& learned)
    : estimate_(estimate) {
  for (const auto& x : learned) learn(x.pictures, x.bytes);
}

std::uint64_t working_memory::expected(std::size_t pictures) const {
  if (pictures == 0) return 0;
  if (known_.empty()) return saturating_product(estimate_, pictures);
  auto above = known_.lower_bound(pictures);
  if (above == known_.end()) {
    const auto& [size, bytes] = *known_.rbegin();
    return saturating_share(bytes, pictures, size);
  }
  if (above->first == pictures) return above->second;
  if (above == known_.begin()) return below_smallest(pictures);
  auto below = std::prev(above);
  return below->second
         + saturating_share(above->second - below->second, pictures - below->first,
                            above->first - below->first);
}

// A pass has costs that do not shrink with it, and how large they are is not known from one size.
std::uint64_t working_memory::below_smallest(std::size_t pictures) const {
  const auto& [size, bytes] = *known_.begin();
  auto half = bytes / 2;
  auto with_fixed_half = half + saturating_share(bytes - half, pictures, size);
  return std::max(with_fixed_half, std::min(bytes, saturating_product(estimate_, pictures)));
}

std::size_t working_memory::fitting(std::uint64_t bytes, std::size_t wanted) const {
  std::size_t fits = 0;
  auto limit = std::min(wanted, ceiling_);
  while (fits < limit) {
    auto middle = limit - (limit - fits) / 2;
    if (expected(middle) <= bytes)
      fits = middle;
    else
      limit = middle - 1;
  }
  return fits;
}

void working_memory::measured(std::size_t pictures, std::uint64_t bytes) {
  if (pictures == 0 || bytes == 0) return;
  learn(pictures, bytes);
  auto& x = new_[pictures];
  x = std::max(x, bytes);
}

void working_memory::ran_out(std::size_t pictures) {
  if (pictures == 0) return;
  auto before = expected(pictures);
  learn(pictures, saturating_sum(before, before));
  ceiling_ = std::min(ceiling_, std::max<std::size_t>(1, pictures / 2));
}

std::vector<working_sample> working_memory::take_new() {
  std::vector<working_sample> samples;
  for (const auto& [pictures, bytes] : new_)
    if (pictures <= std::numeric_limits<std::uint32_t>::max())
      samples.push_back({static_cast<std::uint32_t>(pictures), bytes});
  new_.clear();
  return samples;
}

// A pass over more pictures can't need less: a figure that says so was measured when memory of an earlier
// pass was used again, and is lifted.
void working_memory::learn(std::size_t pictures, std::uint64_t bytes) {
  if (pictures == 0 || bytes == 0) return;
  auto it = known_.try_emplace(pictures, 0).first;
  if (it != known_.begin()) bytes = std::max(bytes, std::prev(it)->second);
  for (; it != known_.end() && it->second < bytes; ++it) it->second = bytes;
}

} // namespace vef
