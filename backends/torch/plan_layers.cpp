// Linear layers and attention.
#include <vef/backends/torch/fused.hpp>
#include <vef/backends/torch/plan_actions.hpp>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <cmath>

namespace vef {

using plan::activation;

// -- linear -------------------------------------------------------------------------------------------------

ready_linear::ready_linear(const plan::projection& x, activation after, plan_materials& with)
    : matrix_(with.large(x.matrix))
    , bias_(with.small(x.bias))
    , after_(after) {}

at::Tensor ready_linear::operator()(const at::Tensor& x) const {
  return fused_linear(x, matrix_(), bias_, after_, nullptr);
}

namespace {

// quick_gelu(x) is silu(1.702 x) / 1.702, and silu is what oneDNN has: the factor goes into the weights
// before and behind.
constexpr double quick_gelu_gain = 1.702;

struct packed_linear {
  at::Tensor matrix = {};
  std::optional<at::Tensor> bias = {};
  activation after = activation::none;
  std::optional<at::Tensor> scale = {}; ///< behind an activation; otherwise the matrix and the bias have it
};

packed_linear pack(const plan::linear& x, plan_materials& with) {
  auto matrix = with.exact(x.matrix) / with.gain_of(x.in);
  auto bias = with.exact(x.bias);
  packed_linear out{.after = x.after};
  auto scale_by = [&](const at::Tensor& factor) {
    matrix = matrix * factor.unsqueeze(-1);
    if (bias) bias = *bias * factor;
  };
  if (x.scale && x.after == activation::none)
    scale_by(with.exact(*x.scale));
  else
    out.scale = with.copied(with.exact(x.scale));
  if (x.after == activation::quick_gelu && with.feeds_linear_steps_only(x.out)) {
    with.set_gain(x.out, quick_gelu_gain);
    scale_by(at::full({1}, quick_gelu_gain, at::kFloat));
    out.after = activation::silu;
  }
  out.matrix = with.kept(pack_matrix(matrix.to(with.type()), with.usual_rows(x.in, matrix.size(1))));
  out.bias = with.copied(bias);
  return out;
}

action prepare_packed(const plan::linear& x, plan_materials& with) {
  auto layer = pack(x, with);
  if (x.residual && layer.after == activation::none)
    return [=, residual = x.residual->index](frame& f) {
      f[x.out.index] = fused_linear(f[x.in.index], layer.matrix, layer.bias, layer.after, &f[residual]);
    };
  return [=](frame& f) {
    auto y = fused_linear(f[x.in.index], layer.matrix, layer.bias, layer.after, nullptr);
    if (layer.scale) y.mul_(*layer.scale);
    if (x.residual) y.add_(f[x.residual->index]);
    f[x.out.index] = std::move(y);
  };
}

} // namespace

action prepare_step(const plan::linear& x, plan_materials& with) {
  if (with.packs()) return prepare_packed(x, with);
  ready_linear layer{{x.matrix, x.bias}, x.after, with};
  auto scale = with.small(x.scale);
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
  auto rows = with.usual_rows(x.in, matrices.front().size(1));
  auto matrix = with.kept(pack_matrix(at::cat(matrices).to(with.type()), rows));
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
  std::optional<at::Tensor> probe = with.small(x.probe);
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
  auto bias = with.small(x.bias);
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

} // namespace vef
