#pragma once

#include <vef/backends/torch/engine.hpp>

#include <c10/core/Device.h>

#include <string_view>

namespace vef {

/// What LibTorch calls a device of ours. The tensors of an emulated one lie in host memory.
at::Device torch_device(const std::string& name);

/// Makes LibTorch's CUDA part available and checks that the device exists. A refusal says what to install.
void open_cuda(const at::Device& device);

/// Gives back what LibTorch keeps of a CUDA device's memory without need. Does nothing for another device.
void empty_cache(const at::Device& device);

/// What LibTorch keeps of a CUDA device's memory without need, for all models together. 0 for another device.
std::uint64_t cached_bytes(const at::Device& device);

/// Something that takes memory of a device, while it lives: a pass, or a move of weights.
///
/// LibTorch counts the memory of a CUDA device for all its users together. What was alone there from its
/// begin to its end can be measured, and nothing else can.
///
/// Threads: one.
class device_use {
public:
  explicit device_use(const at::Device& device);
  ~device_use();
  device_use(const device_use&) = delete;
  device_use& operator=(const device_use&) = delete;

  /// The most bytes that it held at once until now; 0 where that isn't known.
  std::uint64_t bytes() const;

private:
  const at::Device device_;
  std::uint64_t begun_ = 0; ///< uses of the device until now, this one included; 0: it isn't alone
  std::uint64_t before_ = 0;
};

} // namespace vef
