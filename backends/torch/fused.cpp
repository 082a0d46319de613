#include <vef/backends/torch/fused.hpp>

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <string_view>

namespace vef {

namespace {

using plan::activation;

using maybe_tensor = std::optional<at::Tensor>;
using scalars = c10::List<std::optional<at::Scalar>>;
using words = std::optional<std::string_view>;

using linear_signature = at::Tensor(const at::Tensor&, const at::Tensor&, const maybe_tensor&,
                                    std::string_view, scalars, words);
using linear_add_signature = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                        const maybe_tensor&, std::string_view);
using pack_matrix_signature = at::Tensor(const at::Tensor&, std::optional<std::int64_t>);
using convolution_signature = at::Tensor(const at::Tensor&, const at::Tensor&, const maybe_tensor&,
                                         at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, std::int64_t,
                                         std::string_view, scalars, words);
using convolution_add_signature = at::Tensor&(at::Tensor&, const at::Tensor&, const at::Tensor&,
                                              const maybe_tensor&, at::IntArrayRef, at::IntArrayRef,
                                              at::IntArrayRef, std::int64_t, std::string_view,
                                              std::optional<at::Scalar>, words, scalars, words);
using pack_kernel_signature = at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef,
                                         std::int64_t, at::OptionalIntArrayRef);

/// An operator under its name, if LibTorch has it with that signature.
template <class Signature>
std::optional<c10::TypedOperatorHandle<Signature>> look_up(const char* name, const char* overload) {
  auto found = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!found) return {};
  try {
    return found->template typed<Signature>();
  } catch (const c10::Error&) {
    return {}; // another LibTorch, another signature
  }
}

struct operators {
  std::optional<c10::TypedOperatorHandle<linear_signature>> linear =
      look_up<linear_signature>("mkldnn::_linear_pointwise", "");
  std::optional<c10::TypedOperatorHandle<linear_add_signature>> linear_add =
      look_up<linear_add_signature>("mkldnn::_linear_pointwise", "binary");
  std::optional<c10::TypedOperatorHandle<pack_matrix_signature>> pack_matrix =
      look_up<pack_matrix_signature>("mkldnn::_reorder_linear_weight", "");
  std::optional<c10::TypedOperatorHandle<convolution_signature>> convolution =
      look_up<convolution_signature>("mkldnn::_convolution_pointwise", "");
  std::optional<c10::TypedOperatorHandle<convolution_add_signature>> convolution_add =
      look_up<convolution_add_signature>("mkldnn::_convolution_pointwise_", "binary");
  std::optional<c10::TypedOperatorHandle<pack_kernel_signature>> pack_kernel =
      look_up<pack_kernel_signature>("mkldnn::_reorder_convolution_weight", "");

  bool all() const {
    return linear && linear_add && pack_matrix && convolution && convolution_add && pack_kernel;
  }
};

const operators& fused() {
  static const operators x;
  return x;
}

bool has_avx512() {
#if defined(__x86_64__)
  static const bool there = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
                            && __builtin_cpu_supports("avx512dq");
  return there;
#else
  return false;
#endif
}

// Whether an activation is computed inside of a product.
bool is_fused(activation x) {
  switch (x) {
  case activation::quick_gelu:
  case activation::mish: return false;
  // Below AVX-512 oneDNN's exponentials inside of a product cost it a quarter of its speed, where LibTorch's
  // behind it cost a twentieth.
  case activation::gelu:
  case activation::gelu_tanh:
  case activation::silu:
  case activation::sigmoid:
  case activation::tanh: return has_avx512();
  default: return true;
  }
}

struct fused_name {
  const char* name = "none";
  scalars numbers = scalars();
  words algorithm = {};
};

fused_name name_of(activation x) {
  switch (x) {
  case activation::relu: return {"relu"};
  case activation::relu6:
    return {"hardtanh", scalars{std::optional<at::Scalar>{0.0}, std::optional<at::Scalar>{6.0}}};
  case activation::gelu: return {"gelu", scalars(), "none"};
  case activation::gelu_tanh: return {"gelu", scalars(), "tanh"};
  case activation::silu: return {"swish"};
  case activation::sigmoid: return {"sigmoid"};
  case activation::tanh: return {"tanh"};
  case activation::hardswish: return {"hardswish"};
  case activation::leaky_relu: return {"leaky_relu", scalars{std::optional<at::Scalar>{0.01}}};
  case activation::none:
  case activation::quick_gelu:
  case activation::mish: break;
  }
  return {};
}

} // namespace

bool has_fused(at::ScalarType type) {
  static const bool there = fused().all() && at::hasMKLDNN();
  static const bool in_bfloat16 = there && has_avx512(); // below, oneDNN has no bfloat16
  return type == at::kFloat ? there : type == at::kBFloat16 && in_bfloat16;
}

void activate(at::Tensor& x, activation how) {
  switch (how) {
  case activation::none: return;
  case activation::relu: at::relu_(x); return;
  case activation::relu6: at::clamp_(x, 0, 6); return;
  case activation::gelu: at::gelu_(x); return;
  case activation::gelu_tanh: at::gelu_(x, "tanh"); return;
  case activation::quick_gelu: x.mul_(at::sigmoid(x * 1.702)); return;
  case activation::silu: at::silu_(x); return;
  case activation::sigmoid: x.sigmoid_(); return;
  case activation::tanh: x.tanh_(); return;
  case activation::hardswish: at::hardswish_(x); return;
  case activation::leaky_relu: at::leaky_relu_(x, 0.01); return;
  case activation::mish: at::mish_(x); return;
  }
}

at::Tensor pack_matrix(const at::Tensor& matrix, std::int64_t rows) {
  return has_fused(matrix.scalar_type()) ? fused().pack_matrix->call(matrix, rows) : matrix;
}

at::Tensor fused_linear(const at::Tensor& x, const at::Tensor& matrix, const maybe_tensor& bias,
                        activation after, const at::Tensor* residual) {
  if (has_fused(x.scalar_type()) && x.is_cpu()) {
    if (residual) return fused().linear_add->call(x, *residual, matrix, bias, "add");
    auto how = name_of(is_fused(after) ? after : activation::none);
    auto y = fused().linear->call(x, matrix, bias, how.name, how.numbers, how.algorithm);
    if (!is_fused(after)) activate(y, after);
    return y;
  }
  auto y = at::linear(x, matrix, bias);
  activate(y, after);
  return residual ? y.add_(*residual) : y;
}

at::Tensor pack_kernel(const at::Tensor& kernel, const convolution_shape& shape, at::IntArrayRef input) {
  if (!has_fused(kernel.scalar_type())) return kernel.contiguous(at::MemoryFormat::ChannelsLast);
  return fused().pack_kernel->call(kernel, {shape.padding_down, shape.padding_across},
                                   {shape.stride, shape.stride}, {shape.dilation, shape.dilation},
                                   shape.groups, input);
}

at::Tensor fused_convolution(const at::Tensor& x, const at::Tensor& kernel, const maybe_tensor& bias,
                             const convolution_shape& shape, activation after, maybe_tensor residual) {
  const std::array padding{shape.padding_down, shape.padding_across};
  const std::array stride{shape.stride, shape.stride}, dilation{shape.dilation, shape.dilation};
  if (!has_fused(x.scalar_type()) || !x.is_cpu()) {
    auto y = at::conv2d(x, kernel, bias, stride, padding, dilation, shape.groups);
    if (residual) y.add_(*residual);
    activate(y, after);
    return y;
  }
  if (!residual) {
    auto how = name_of(is_fused(after) ? after : activation::none);
    auto y = fused().convolution->call(x, kernel, bias, padding, stride, dilation, shape.groups, how.name,
                                       how.numbers, how.algorithm);
    if (!is_fused(after)) activate(y, after);
    return y;
  }
  words relu;
  if (after == activation::relu) relu = "relu";
  auto& y = *residual;
  fused().convolution_add->call(y, x, kernel, bias, padding, stride, dilation, shape.groups, "add",
                                at::Scalar{1.0}, relu, scalars{}, std::nullopt);
  if (!relu) activate(y, after);
  return y;
}

} // namespace vef
