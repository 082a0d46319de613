#include <vef/backends/transformers/plan_memory.hpp>

#include <algorithm>
#include <set>

namespace vef {

namespace {

std::uint64_t elements(const plan::shape& x) {
  std::uint64_t out = 1;
  for (auto n : x) out *= static_cast<std::uint64_t>(n);
  return out;
}

/// What a step holds beside what it reads and writes, in elements.
std::uint64_t scratch(const plan::step& step, const network_plan& x) {
  auto of = [&](plan::slot s) { return elements(x.slots[s.index]); };
  if (auto y = std::get_if<plan::attention>(&step)) {
    auto scores = std::uint64_t{0};
    if (y->bias) // without, they are computed a few rows at a time
      scores = elements(x.slots[y->in.index]) / static_cast<std::uint64_t>(x.slots[y->in.index].back())
               * static_cast<std::uint64_t>(x.slots[y->in.index].end()[-2] * y->heads);
    return 3 * of(y->in) + 2 * scores;
  }
  if (std::holds_alternative<plan::windows>(step) || std::holds_alternative<plan::merge_patches>(step)
      || std::holds_alternative<plan::gate>(step) || std::holds_alternative<plan::response_norm>(step))
    return 2 * of(plan::output_of(step));
  if (auto y = std::get_if<plan::convolution>(&step))
    return of(y->in); // with zeros around, or cut into patches
  return 0;
}

} // namespace

std::uint64_t working_bytes(const network_plan& x, std::size_t element) {
  auto last = last_uses(x);
  std::uint64_t live = elements(x.slots[0]), most = live;
  for (std::size_t i = 0; i < x.steps.size(); ++i) {
    const auto& step = x.steps[i];
    auto is_view = std::holds_alternative<plan::reshape>(step);
    live += is_view ? 0 : elements(x.slots[plan::output_of(step).index]);
    most = std::max(most, live + scratch(step, x));
    std::set<std::uint32_t> done;
    for (auto in : plan::inputs_of(step))
      if (last[in.index] == i && !is_view) done.insert(in.index);
    for (auto slot : done) live -= std::min(live, elements(x.slots[slot]));
  }
  return most * element + elements(x.slots[0]) * sizeof(float);
}

std::uint64_t weight_elements(const network_plan& x) {
  std::uint64_t sum = 0;
  for (const auto& weight : x.weights) sum += elements(weight.shape);
  return sum;
}

} // namespace vef
