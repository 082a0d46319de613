#pragma once

#include <vef/backends/torch/engine.hpp>

namespace at {
class Tensor;
}

namespace vef {

/// What a model file becomes: a function from a float32 batch in host memory to a tensor with one row per
/// picture, of any floating type and on any device.
class program {
public:
  virtual ~program() = default;
  virtual at::Tensor run(const at::Tensor& batch) = 0;
  virtual std::uint64_t memory_bytes() const = 0;
  virtual unsigned concurrency() const = 0;
};

/// A typed error on its way to the border of the module; whatever else is thrown there becomes load_failed or
/// embed_failed.
struct refusal {
  error why;
};

/// Reads a TorchScript file.
std::unique_ptr<program> load_torchscript(const network_spec& spec);

/// Opens an AOTInductor package.
std::unique_ptr<program> load_package(const network_spec& spec);

/// Makes LibTorch's CUDA part available and checks that the device exists. A refusal says what to install.
void open_cuda(const std::string& device);

} // namespace vef
