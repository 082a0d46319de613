// The steps of a network_builder: the shape that each gives, from the shapes that it gets. What a hostile
// config makes impossible is refused here, so that an engine gets only what it can run.
#include <vef/backends/transformers/network_builder.hpp>

namespace vef {

using plan::shape;
using plan::slot;

namespace {

// Enough for any picture that can be prepared, and far from where products of sides overflow.
constexpr std::int64_t largest_side = 1 << 24;

std::int64_t after_window(std::int64_t side, std::int64_t before, std::int64_t behind, std::int64_t kernel,
                          std::int64_t stride, std::int64_t dilation) {
  auto span = side + before + behind - dilation * (kernel - 1) - 1;
  return span < 0 ? 0 : span / stride + 1;
}

std::int64_t up_to_multiple(std::int64_t x, std::int64_t of) { return (x + of - 1) / of * of; }

} // namespace

slot network_builder::new_slot(shape x) {
  plan_.slots.push_back(std::move(x));
  return {static_cast<std::uint32_t>(plan_.slots.size() - 1)};
}

// False, and an error, where a step is impossible.
bool network_builder::needs(bool holds, const std::string& what) {
  if (!holds) refuse(errc::invalid_config, what);
  return holds;
}

slot network_builder::add(plan::convolution x, std::int64_t channels, std::array<std::int64_t, 2> kernel) {
  const auto in = (*this)[x.in];
  auto [top, left, bottom, right] = x.padding;
  auto height = after_window(in[1], top, bottom, kernel[0], x.stride, x.dilation);
  auto width = after_window(in[2], left, right, kernel[1], x.stride, x.dilation);
  if (!needs(height > 0 && width > 0, "pictures of " + std::to_string(options_.width) + " x "
                                          + std::to_string(options_.height)
                                          + " are too small for this network"))
    height = width = 1;
  x.out = new_slot({channels, height, width});
  if (x.residual)
    needs((*this)[*x.residual] == (*this)[x.out], "a residual of " + shape_text((*this)[*x.residual])
                                                      + " cannot be added to " + shape_text((*this)[x.out]));
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::linear x, std::int64_t width) {
  auto out = (*this)[x.in];
  out.back() = width;
  x.out = new_slot(std::move(out));
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::layer_norm x) {
  x.out = new_slot((*this)[x.in]);
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::attention x) {
  auto out = (*this)[x.in];
  needs(x.heads > 0 && out.back() % x.heads == 0, "a width of " + std::to_string(out.back())
                                                      + " cannot be shared by " + std::to_string(x.heads)
                                                      + " attention heads");
  if (x.probe) out[out.size() - 2] = plan_.weights[x.probe->index].shape[0];
  x.out = new_slot(std::move(out));
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::token_list x) {
  auto out = (*this)[x.in];
  for (const auto& front : x.fronts) out[0] += plan_.weights[front.tokens.index].shape[0];
  x.out = new_slot(std::move(out));
  auto made = x.out;
  plan_.steps.emplace_back(std::move(x));
  return made;
}

slot network_builder::add(plan::pool x) {
  const auto& in = (*this)[x.in];
  needs(x.first < in[0], "there are no tokens to pool");
  x.out = new_slot({in.back()});
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::select x) {
  x.out = new_slot({(*this)[x.in].back()});
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::concatenate x) {
  x.out = new_slot({(*this)[x.first].back() + (*this)[x.second].back()});
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::gate x) {
  auto out = (*this)[x.in];
  if (!x.other) out.back() /= 2;
  x.out = new_slot(std::move(out));
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::response_norm x) {
  x.out = new_slot((*this)[x.in]);
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::squeeze_excite x) {
  x.out = new_slot((*this)[x.in]);
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::max_pool x) {
  const auto in = (*this)[x.in];
  auto height = after_window(in[1], x.padding, x.padding, x.size, x.stride, 1);
  auto width = after_window(in[2], x.padding, x.padding, x.size, x.stride, 1);
  if (!needs(height > 0 && width > 0, "pictures are too small for this network")) height = width = 1;
  x.out = new_slot({in[0], height, width});
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::windows x) {
  const auto in = (*this)[x.in];
  auto down = up_to_multiple(x.height, x.size) / x.size, across = up_to_multiple(x.width, x.size) / x.size;
  x.out = new_slot(x.back ? shape{x.height * x.width, in.back()}
                          : shape{down * across, x.size * x.size, in.back()});
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::add(plan::merge_patches x) {
  x.out = new_slot({((x.height + 1) / 2) * ((x.width + 1) / 2), 4 * (*this)[x.in].back()});
  plan_.steps.emplace_back(x);
  return x.out;
}

slot network_builder::pad_to_multiple(slot x, std::int64_t of) {
  auto out = (*this)[x];
  out[1] = up_to_multiple(out[1], of), out[2] = up_to_multiple(out[2], of);
  if (out == (*this)[x] || !needs(out[1] < largest_side && out[2] < largest_side, "a patch is too large"))
    return x;
  plan::pad step{x, new_slot(std::move(out))};
  plan_.steps.emplace_back(step);
  return step.out;
}

slot network_builder::as_tokens(slot x) {
  const auto in = (*this)[x];
  plan::reshape step{x, new_slot({in[1] * in[2], in[0]})};
  plan_.steps.emplace_back(step);
  return step.out;
}

slot network_builder::as_map(slot x, std::int64_t height, std::int64_t width) {
  plan::reshape step{x, new_slot({(*this)[x].back(), height, width})};
  plan_.steps.emplace_back(step);
  return step.out;
}

slot network_builder::linear(slot in, const std::string& name, std::int64_t width, activation after,
                             std::optional<slot> residual) {
  auto x = take_projection(name, width, (*this)[in].back());
  return add(plan::linear{.in = in,
                          .out = {},
                          .matrix = x.matrix,
                          .bias = x.bias,
                          .after = after,
                          .scale = {},
                          .residual = residual},
             width);
}

slot network_builder::layer_norm(slot in, const std::string& name, double epsilon) {
  auto width = (*this)[in].back();
  return add(
      plan::layer_norm{in, {}, take(name + ".weight", {width}), take(name + ".bias", {width}), epsilon});
}

} // namespace vef
