// The steps that move, normalise and pool: what is not a product with weights.
#include <vef/backends/torch/fused.hpp>
#include <vef/backends/torch/plan_actions.hpp>

#include <ATen/ATen.h>

namespace vef {

namespace {

std::int64_t up_to_multiple(std::int64_t x, std::int64_t of) { return (x + of - 1) / of * of; }

// A height x width grid of tokens as batch, height, width, channels.
at::Tensor as_grid(const at::Tensor& tokens, std::int64_t height, std::int64_t width) {
  return tokens.unflatten(1, {height, width});
}

at::Tensor with_zeros(const at::Tensor& grid, std::int64_t height, std::int64_t width) {
  auto down = height - grid.size(1), across = width - grid.size(2);
  return down == 0 && across == 0 ? grid : at::constant_pad_nd(grid, {0, 0, 0, across, 0, down}, 0);
}

} // namespace

action prepare_step(const plan::layer_norm& x, plan_materials& with) {
  auto scale = with.small(x.scale), offset = with.small(x.offset);
  return [=](frame& f) {
    f[x.out.index] = at::layer_norm(f[x.in.index], scale.sizes(), scale, offset, x.epsilon, false);
  };
}

action prepare_step(const plan::token_list& x, plan_materials& with) {
  auto width = with.shape_of(x.in).back();
  std::vector<at::Tensor> parts;
  for (const auto& front : x.fronts) {
    auto tokens = with.exact(front.tokens).view({-1, width});
    if (front.position)
      tokens = tokens
               + with.exact(*x.front_positions).view({-1, width}).narrow(0, *front.position, tokens.size(0));
    parts.push_back(tokens);
  }
  std::optional<at::Tensor> positions, fronts;
  if (x.positions) positions = with.small(*x.positions);
  if (!parts.empty()) fronts = with.copied(at::cat(parts));
  return [=](frame& f) {
    const auto& in = f[x.in.index];
    if (!fronts) {
      f[x.out.index] = in + *positions;
      return;
    }
    auto out = at::empty({in.size(0), fronts->size(0) + in.size(1), in.size(2)}, in.options());
    out.narrow(1, 0, fronts->size(0)).copy_(*fronts);
    auto rest = out.narrow(1, fronts->size(0), in.size(1));
    if (positions)
      at::add_out(rest, in, *positions);
    else
      rest.copy_(in);
    f[x.out.index] = std::move(out);
  };
}

action prepare_step(const plan::pool& x, plan_materials& with) {
  auto count = x.count > 0 ? x.count : with.shape_of(x.in)[0] - x.first;
  return [=](frame& f) {
    auto tokens = f[x.in.index].narrow(1, x.first, count);
    f[x.out.index] = x.how == plan::pooling::mean ? tokens.mean(1) : tokens.amax(1);
  };
}

action prepare_step(const plan::select& x, plan_materials&) {
  return [=](frame& f) { f[x.out.index] = f[x.in.index].select(1, x.index); };
}

action prepare_step(const plan::concatenate& x, plan_materials&) {
  return [=](frame& f) { f[x.out.index] = at::cat({f[x.first.index], f[x.second.index]}, -1); };
}

action prepare_step(const plan::gate& x, plan_materials&) {
  return [=](frame& f) {
    const auto& in = f[x.in.index];
    auto first = x.other ? in.clone() : in.narrow(-1, 0, in.size(-1) / 2).clone();
    auto second = x.other ? f[x.other->index] : in.narrow(-1, in.size(-1) / 2, in.size(-1) / 2);
    activate(first, x.after);
    f[x.out.index] = first.mul_(second);
  };
}

action prepare_step(const plan::response_norm& x, plan_materials& with) {
  auto scale = with.small(x.scale), offset = with.small(x.offset);
  return [=](frame& f) {
    const auto& in = f[x.in.index];
    auto norm = at::linalg_vector_norm(in, 2, {1}, true, at::kFloat);
    auto share = (norm / (norm.mean(-1, true) + 1e-6)).to(in.scalar_type());
    f[x.out.index] = at::addcmul(offset, in, scale * share).add_(in);
  };
}

action prepare_step(const plan::squeeze_excite& x, plan_materials& with) {
  auto as_matrix = [](std::function<at::Tensor()> kernel) {
    return [kernel = std::move(kernel)] { return kernel().flatten(1); };
  };
  auto reduce = as_matrix(with.large(x.reduce.matrix)), expand = as_matrix(with.large(x.expand.matrix));
  auto reduce_bias = with.small(*x.reduce.bias), expand_bias = with.small(*x.expand.bias);
  return [=](frame& f) {
    const auto& in = f[x.in.index];
    auto squeezed = fused_linear(in.mean({2, 3}), reduce(), reduce_bias, x.after, nullptr);
    auto share = fused_linear(squeezed, expand(), expand_bias, plan::activation::sigmoid, nullptr);
    f[x.out.index] = in * share.unsqueeze(-1).unsqueeze(-1);
  };
}

action prepare_step(const plan::max_pool& x, plan_materials&) {
  return [=](frame& f) {
    f[x.out.index] =
        at::max_pool2d(f[x.in.index], {x.size, x.size}, {x.stride, x.stride}, {x.padding, x.padding});
  };
}

action prepare_step(const plan::pad& x, plan_materials& with) {
  const auto &in = with.shape_of(x.in), &out = with.shape_of(x.out);
  return [=, down = out[1] - in[1], across = out[2] - in[2]](frame& f) {
    f[x.out.index] = at::constant_pad_nd(f[x.in.index], {0, across, 0, down}, 0);
  };
}

action prepare_step(const plan::reshape& x, plan_materials& with) {
  const auto& out = with.shape_of(x.out);
  if (out.size() == 2)
    return [=](frame& f) { f[x.out.index] = f[x.in.index].permute({0, 2, 3, 1}).flatten(1, 2); };
  return [=, height = out[1], width = out[2]](frame& f) {
    f[x.out.index] = as_grid(f[x.in.index], height, width).permute({0, 3, 1, 2});
  };
}

action prepare_step(const plan::windows& x, plan_materials&) {
  auto height = up_to_multiple(x.height, x.size), width = up_to_multiple(x.width, x.size);
  if (x.back)
    return [=](frame& f) {
      auto grid =
          f[x.in.index].unflatten(2, {x.size, x.size}).unflatten(1, {height / x.size, width / x.size});
      grid = grid.transpose(2, 3).flatten(3, 4).flatten(1, 2);
      if (x.shift > 0) grid = at::roll(grid, {x.shift, x.shift}, {1, 2});
      f[x.out.index] = grid.narrow(1, 0, x.height).narrow(2, 0, x.width).flatten(1, 2);
    };
  return [=](frame& f) {
    auto grid = with_zeros(as_grid(f[x.in.index], x.height, x.width), height, width);
    if (x.shift > 0) grid = at::roll(grid, {-x.shift, -x.shift}, {1, 2});
    grid =
        grid.unflatten(2, {width / x.size, x.size}).unflatten(1, {height / x.size, x.size}).transpose(2, 3);
    f[x.out.index] = grid.flatten(3, 4).flatten(1, 2);
  };
}

action prepare_step(const plan::merge_patches& x, plan_materials&) {
  return [=](frame& f) {
    auto grid = with_zeros(as_grid(f[x.in.index], x.height, x.width), up_to_multiple(x.height, 2),
                           up_to_multiple(x.width, 2));
    auto every_second = [&](std::int64_t y, std::int64_t at) {
      return grid.slice(1, y, {}, 2).slice(2, at, {}, 2);
    };
    f[x.out.index] =
        at::cat({every_second(0, 0), every_second(1, 0), every_second(0, 1), every_second(1, 1)}, -1)
            .flatten(1, 2);
  };
}

} // namespace vef
