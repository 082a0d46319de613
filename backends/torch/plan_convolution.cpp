// Convolutions, as products of matrices where they are such.
#include <vef/backends/torch/fused.hpp>
#include <vef/backends/torch/plan_actions.hpp>

#include <ATen/ATen.h>

namespace vef {

using plan::activation;

namespace {

// A kernel and a bias with what a normalisation behind them would do.
std::pair<at::Tensor, std::optional<at::Tensor>> folded(const plan::convolution& x, plan_materials& with) {
  auto kernel = with.exact(x.kernel);
  auto bias = with.exact(x.bias);
  if (!x.norm) return {kernel, bias};
  auto exact = [&](plan::weight w) { return with.exact(w).to(at::kDouble); };
  auto factor = exact(x.norm->scale) / (exact(x.norm->variance) + x.norm->epsilon).sqrt();
  auto offset = exact(x.norm->offset) - exact(x.norm->mean) * factor;
  if (bias) offset += bias->to(at::kDouble) * factor;
  return {(kernel.to(at::kDouble) * factor.view({-1, 1, 1, 1})).to(at::kFloat), offset.to(at::kFloat)};
}

struct edges {
  convolution_shape shape;
  std::vector<std::int64_t>
      uneven; ///< left, right, top, bottom: zeros put in before; empty: `shape` has them

  explicit edges(const plan::convolution& x)
      : shape{x.stride, 0, 0, x.dilation, x.groups} {
    auto [top, left, bottom, right] = x.padding;
    if (top == bottom && left == right)
      shape.padding_down = top, shape.padding_across = left;
    else
      uneven = {left, right, top, bottom};
  }

  at::Tensor operator()(const at::Tensor& x) const {
    return uneven.empty() ? x : at::constant_pad_nd(x, uneven, 0);
  }
};

// What a step adds to, to be overwritten with the sum: its own memory where nobody else needs that.
at::Tensor owned(at::Tensor& slot, bool last_use) {
  if (!last_use || slot.storage().use_count() != 1) return slot.clone();
  return std::move(slot);
}

// Patches side by side are rows of a matrix.
action prepare_patches(const plan::convolution& x, plan_materials& with) {
  auto [kernel, bias] = folded(x, with);
  auto side = x.stride;
  auto matrix = with.kept(pack_matrix(kernel.permute({0, 2, 3, 1}).flatten(1).contiguous().to(with.type()),
                                      with.usual_rows(x.out, kernel.size(0))));
  auto offset = with.copied(bias);
  return [=](frame& f) {
    const auto& in = f[x.in.index];
    auto height = in.size(2) / side, width = in.size(3) / side;
    auto pixels = in.permute({0, 2, 3, 1}).narrow(1, 0, height * side).narrow(2, 0, width * side);
    auto patches = pixels.unflatten(2, {width, side}).unflatten(1, {height, side}).transpose(2, 3).flatten(3);
    f[x.out.index] = fused_linear(patches, matrix, offset, x.after, nullptr).permute({0, 3, 1, 2});
  };
}

action prepare_packed(const plan::convolution& x, plan_materials& with) {
  auto [kernel, bias] = folded(x, with);
  edges around{x};
  auto in = with.shape_of(x.in);
  if (!around.uneven.empty())
    in[2] += around.uneven[0] + around.uneven[1], in[1] += around.uneven[2] + around.uneven[3];
  auto packed =
      with.kept(pack_kernel(kernel.to(with.type()), around.shape, {with.usual_batch, in[0], in[1], in[2]}));
  auto offset = with.copied(bias);
  if (!x.residual)
    return [=](frame& f) {
      f[x.out.index] = fused_convolution(around(f[x.in.index]), packed, offset, around.shape, x.after, {});
    };
  auto residual = x.residual->index;
  auto last_use = with.is_last_use(*x.residual);
  return [=](frame& f) {
    f[x.out.index] = fused_convolution(around(f[x.in.index]), packed, offset, around.shape, x.after,
                                       owned(f[residual], last_use));
  };
}

// A picture's pixels are rows of a matrix too. Products of matrices keep one layout of weights for any batch,
// where oneDNN's convolutions have others for one picture than for many, and change between them at every
// pass.
action prepare_pixels(const plan::convolution& x, plan_materials& with) {
  auto [kernel, bias] = folded(x, with);
  auto matrix =
      with.kept(pack_matrix(kernel.flatten(1).to(with.type()), with.usual_rows(x.out, kernel.size(0))));
  auto offset = with.copied(bias);
  return [=](frame& f) {
    auto pixels = f[x.in.index].permute({0, 2, 3, 1});
    std::optional<at::Tensor> residual;
    if (x.residual) residual = f[x.residual->index].permute({0, 2, 3, 1});
    auto y = fused_linear(pixels, matrix, offset, x.after, residual ? &*residual : nullptr);
    f[x.out.index] = y.permute({0, 3, 1, 2});
  };
}

bool is_product(const plan::convolution& x, const plan::shape& kernel) {
  return kernel[2] == 1 && kernel[3] == 1 && x.stride == 1 && x.groups == 1
         && x.padding == std::array<std::int64_t, 4>{} && (!x.residual || x.after == activation::none);
}

bool cuts_patches(const plan::convolution& x, const plan::shape& kernel) {
  return kernel[2] == x.stride && kernel[3] == x.stride && x.stride > 1
         && x.padding == std::array<std::int64_t, 4>{} && x.groups == 1 && x.dilation == 1 && !x.residual;
}

} // namespace

action prepare_step(const plan::convolution& x, plan_materials& with) {
  if (with.packs()) {
    const auto& kernel = with.plan().weights[x.kernel.index].shape;
    if (is_product(x, kernel)) return prepare_pixels(x, with);
    return cuts_patches(x, kernel) ? prepare_patches(x, with) : prepare_packed(x, with);
  }
  edges around{x};
  auto kernel = with.large(x.kernel);
  auto bias = with.small(x.bias);
  std::vector<at::Tensor> norm;
  if (x.norm)
    for (auto part : {x.norm->scale, x.norm->offset, x.norm->mean, x.norm->variance})
      norm.push_back(with.small(part));
  return [=](frame& f) {
    const auto& shape = around.shape;
    auto y = at::conv2d(around(f[x.in.index]), kernel(), bias, {shape.stride, shape.stride},
                        {shape.padding_down, shape.padding_across}, {shape.dilation, shape.dilation},
                        shape.groups);
    if (x.norm) y = at::batch_norm(y, norm[0], norm[1], norm[2], norm[3], false, 0, x.norm->epsilon, false);
    if (x.residual) y.add_(f[x.residual->index]);
    activate(y, x.after);
    f[x.out.index] = std::move(y);
  };
}

} // namespace vef
