// The steps in which the arithmetic is: products with weights.
#include <vef/backends/torch/fused.hpp>
#include <vef/backends/torch/plan_actions.hpp>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <cmath>

namespace vef {

namespace {

using plan::activation;

constexpr std::int64_t usual_batch = 8; ///< what weights are laid out for; others work as well

std::int64_t rows_of(const plan::shape& x) {
  return usual_batch * c10::multiply_integers(x) / x.back();
}

std::optional<at::Tensor> maybe(const std::optional<plan::weight>& x, plan_materials& with) {
  if (!x) return {};
  return with.small(*x);
}

} // namespace

// -- linear -------------------------------------------------------------------------------------------------

ready_linear::ready_linear(const plan::projection& x, activation after, plan_materials& with)
    : matrix_(with.large(x.matrix))
    , bias_(maybe(x.bias, with))
    , after_(after) {}

at::Tensor ready_linear::operator()(const at::Tensor& x, const at::Tensor* residual) const {
  return fused_linear(x, matrix_(), bias_, after_, residual);
}

namespace {

// quick_gelu(x) is silu(1.702 x) / 1.702, and silu is what oneDNN has: the factor goes into the weights
// before and behind.
constexpr double quick_gelu_gain = 1.702;

struct packed_linear {
  at::Tensor matrix = {};
  std::optional<at::Tensor> bias = {};
  activation after = activation::none;
};

packed_linear pack(const plan::linear& x, plan_materials& with) {
  auto matrix = with.exact(x.matrix) / with.gain_of(x.in);
  std::optional<at::Tensor> bias;
  if (x.bias) bias = with.exact(*x.bias);
  packed_linear out{.after = x.after};
  auto scale_by = [&](const at::Tensor& factor) {
    matrix = matrix * factor.unsqueeze(-1);
    if (bias) bias = *bias * factor;
  };
  if (x.scale && x.after == activation::none) scale_by(with.exact(*x.scale));
  if (x.after == activation::quick_gelu && with.feeds_linear_steps_only(x.out)) {
    with.set_gain(x.out, quick_gelu_gain);
    scale_by(at::full({1}, quick_gelu_gain, at::kFloat));
    out.after = activation::silu;
  }
  out.matrix = with.kept(pack_matrix(matrix.to(with.type()), rows_of(with.shape_of(x.in))));
  if (bias) out.bias = with.copied(*bias);
  return out;
}

action prepare_packed(const plan::linear& x, plan_materials& with) {
  auto layer = pack(x, with);
  if (!x.residual)
    return [=](frame& f) {
      f[x.out.index] = fused_linear(f[x.in.index], layer.matrix, layer.bias, layer.after, nullptr);
    };
  auto residual = x.residual->index;
  // An activation between product and sum is nowhere in use; if it is, the sum follows.
  if (layer.after != activation::none || (x.scale && x.after != activation::none))
    return
        [=, scale = x.scale && x.after != activation::none ? std::optional{with.copied(with.exact(*x.scale))}
                                                           : std::optional<at::Tensor>{}](frame& f) {
          auto y = fused_linear(f[x.in.index], layer.matrix, layer.bias, layer.after, nullptr);
          if (scale) y.mul_(*scale);
          f[x.out.index] = y.add_(f[residual]);
        };
  return [=](frame& f) {
    f[x.out.index] = fused_linear(f[x.in.index], layer.matrix, layer.bias, activation::none, &f[residual]);
  };
}

} // namespace

action prepare_step(const plan::linear& x, plan_materials& with) {
  if (with.packs()) return prepare_packed(x, with);
  ready_linear layer{{x.matrix, x.bias}, x.after, with};
  auto scale = maybe(x.scale, with);
  return [=](frame& f) {
    auto y = layer(f[x.in.index]);
    if (scale) y.mul_(*scale);
    if (x.residual) y.add_(f[x.residual->index]);
    f[x.out.index] = std::move(y);
  };
}

// -- attention ----------------------------------------------------------------------------------------------

namespace {

struct asked {
  at::Tensor query, key, value; ///< batch, heads, tokens, width of a head
};

using projections = std::function<asked(const at::Tensor&)>;

// Tokens by width as heads by tokens by the width of one: a view.
at::Tensor in_heads(const at::Tensor& x, std::int64_t heads) {
  return x.unflatten(-1, {heads, -1}).transpose(-3, -2);
}

// All three from one product: what comes in is read once.
projections prepare_packed_projections(const plan::attention& x, plan_materials& with) {
  std::vector<at::Tensor> matrices, biases;
  bool any_bias = x.query.bias || x.key.bias || x.value.bias;
  for (const auto* part : {&x.query, &x.key, &x.value}) {
    matrices.push_back(with.exact(part->matrix));
    biases.push_back(part->bias ? with.exact(*part->bias) : at::zeros({matrices.back().size(0)}, at::kFloat));
  }
  auto matrix = with.kept(pack_matrix(at::cat(matrices).to(with.type()), rows_of(with.shape_of(x.in))));
  std::optional<at::Tensor> bias;
  if (any_bias) bias = with.copied(at::cat(biases));
  return [=, heads = x.heads](const at::Tensor& in) {
    auto parts = fused_linear(in, matrix, bias, activation::none, nullptr).chunk(3, -1);
    return asked{in_heads(parts[0], heads), in_heads(parts[1], heads), in_heads(parts[2], heads)};
  };
}

projections prepare_projections(const plan::attention& x, plan_materials& with) {
  if (with.packs() && !x.probe) return prepare_packed_projections(x, with);
  ready_linear query{x.query, activation::none, with}, key{x.key, activation::none, with},
      value{x.value, activation::none, with};
  std::optional<at::Tensor> probe = maybe(x.probe, with);
  return [=, heads = x.heads](const at::Tensor& in) {
    auto who = probe ? query(*probe).unsqueeze(0).expand({in.size(0), -1, -1}) : query(in);
    return asked{in_heads(who, heads), in_heads(key(in), heads), in_heads(value(in), heads)};
  };
}

// With a bias of the scores, which each group of tokens may have for itself.
at::Tensor attend(const asked& x, const at::Tensor& bias, double scale) {
  auto scores = at::matmul(x.query * scale, x.key.transpose(-2, -1));
  auto groups = bias.size(0);
  scores.unflatten(0, {-1, groups}).add_(bias);
  return at::matmul(at::softmax(scores, -1), x.value);
}

} // namespace

action prepare_step(const plan::attention& x, plan_materials& with) {
  auto project = prepare_projections(x, with);
  auto bias = maybe(x.bias, with);
  auto scale = 1 / std::sqrt(static_cast<double>(with.shape_of(x.out).back() / x.heads));
  return [=](frame& f) {
    const auto& in = f[x.in.index];
    auto grouped = in.dim() == 4; // groups of tokens are as separate as pictures
    auto parts = project(grouped ? in.flatten(0, 1) : in);
    auto y = bias
                 ? attend(parts, *bias, scale)
                 : at::scaled_dot_product_attention(parts.query, parts.key, parts.value, {}, 0, false, scale);
    y = y.transpose(1, 2).flatten(2);
    f[x.out.index] = grouped ? y.unflatten(0, {in.size(0), in.size(1)}) : y;
  };
}

// -- convolution --------------------------------------------------------------------------------------------

namespace {

// A kernel and a bias with what a normalisation behind them would do.
std::pair<at::Tensor, std::optional<at::Tensor>> folded(const plan::convolution& x, plan_materials& with) {
  auto kernel = with.exact(x.kernel);
  std::optional<at::Tensor> bias;
  if (x.bias) bias = with.exact(*x.bias);
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
  auto rows = rows_of(with.shape_of(x.in)) / (side * side);
  auto matrix =
      with.kept(pack_matrix(kernel.permute({0, 2, 3, 1}).flatten(1).contiguous().to(with.type()), rows));
  std::optional<at::Tensor> offset;
  if (bias) offset = with.copied(*bias);
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
      with.kept(pack_kernel(kernel.to(with.type()), around.shape, {usual_batch, in[0], in[1], in[2]}));
  std::optional<at::Tensor> offset;
  if (bias) offset = with.copied(*bias);
  if (!x.residual)
    return [=](frame& f) {
      f[x.out.index] = fused_convolution(around(f[x.in.index]), packed, offset, around.shape, x.after, {});
    };
  auto residual = x.residual->index;
  auto last_use = with.is_last_use(*x.residual, with.step());
  return [=](frame& f) {
    f[x.out.index] = fused_convolution(around(f[x.in.index]), packed, offset, around.shape, x.after,
                                       owned(f[residual], last_use));
  };
}

bool cuts_patches(const plan::convolution& x, const plan::shape& kernel) {
  return kernel[2] == x.stride && kernel[3] == x.stride && x.stride > 1
         && x.padding == std::array<std::int64_t, 4>{} && x.groups == 1 && x.dilation == 1 && !x.residual;
}

} // namespace

action prepare_step(const plan::convolution& x, plan_materials& with) {
  if (with.packs())
    return cuts_patches(x, with.plan().weights[x.kernel.index].shape) ? prepare_patches(x, with)
                                                                      : prepare_packed(x, with);
  edges around{x};
  auto kernel = with.large(x.kernel);
  auto bias = maybe(x.bias, with);
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
