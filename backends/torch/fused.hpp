#pragma once

#include <vef/backends/transformers/plan.hpp>

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

namespace vef {

// Layers as single operations of oneDNN, with what follows a product in it: bias, activation, residual.
// LibTorch has them for its own compiler and does not promise that they stay; where one is missing, or can't
// do what is asked, the same is computed with its public operations.

/// Whether LibTorch has them, and this machine can use them for that type.
bool has_fused(at::ScalarType type);

/// x, activated; in place.
void activate(at::Tensor& x, plan::activation how);

/// A matrix for `fused_linear`, in an order of oneDNN's own for batches of so many rows.
at::Tensor pack_matrix(const at::Tensor& matrix, std::int64_t rows);

/// after(x * transposed matrix + bias), or without an activation that plus `residual`. The matrix is packed
/// or as it is.
at::Tensor fused_linear(const at::Tensor& x, const at::Tensor& matrix, const std::optional<at::Tensor>& bias,
                        plan::activation after, const at::Tensor* residual);

struct convolution_shape {
  std::int64_t stride = 1;
  std::int64_t padding_down = 0, padding_across = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
};

/// A kernel for `fused_convolution` over pictures of these sizes: batch, channels, height, width.
at::Tensor pack_kernel(const at::Tensor& kernel, const convolution_shape& shape, at::IntArrayRef input);

/// after(x * kernel + bias + residual); channels lie together in x and in what comes out, which takes the
/// memory of the residual if there is one. The kernel is packed.
at::Tensor fused_convolution(const at::Tensor& x, const at::Tensor& kernel,
                             const std::optional<at::Tensor>& bias, const convolution_shape& shape,
                             plan::activation after, std::optional<at::Tensor> residual);

} // namespace vef
