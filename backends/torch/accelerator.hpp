#pragma once

#include <vef/backends/torch/engine.hpp>

#include <c10/core/Device.h>

#include <atomic>
#include <limits>
#include <string>

namespace vef {

/// What LibTorch calls a device of ours. The tensors of an emulated one lie in host memory.
at::Device torch_device(const std::string& name);

/// Makes LibTorch's CUDA part available where there is a driver. LibTorch looks for it once, when something
/// asks first, which a convolution on a processor does, and never again: so this comes before all else that
/// is done with LibTorch. Gives why there is no CUDA, and what to install; nothing where there is.
const std::string& find_cuda();

/// Makes a device ready. Refuses one that does not exist.
void open_cuda(const at::Device& device);

/// Gives back what LibTorch keeps of a CUDA device's memory without need: what passes left, and where no pass
/// is under way the workspaces of cuBLAS as well. Does nothing for another device, or one that no model was
/// loaded to.
void empty_cache(const at::Device& device) noexcept;

/// What LibTorch keeps of a CUDA device's memory without need, for all models together. 0 for another device.
std::uint64_t cached_bytes(const at::Device& device);

/// What a model's passes may leave with LibTorch on a CUDA device. LibTorch keeps that for all models
/// together, so it is too much only where it is more than all of them may leave.
///
/// Threads: any.
class cache_share {
public:
  explicit cache_share(const at::Device& device)
      : device_(device) {
    limit(std::numeric_limits<std::uint64_t>::max());
  }
  ~cache_share() { limit(0); }
  cache_share(const cache_share&) = delete;
  cache_share& operator=(const cache_share&) = delete;

  /// There is none in the beginning.
  void limit(std::uint64_t bytes);

  /// Gives everything back if it is too much.
  void trim() const;

private:
  const at::Device device_;
  std::atomic<std::uint64_t> limit_ = 0;
};

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

  /// The most bytes that it held at once. 0 where that isn't known: it was not alone, or something stays,
  /// such as a workspace that LibTorch makes once for a thread. Asked when it holds nothing any more.
  std::uint64_t bytes() const;

private:
  const at::Device device_;
  std::uint64_t begun_ = 0; ///< uses of the device until now, this one included; 0: it isn't alone
  std::uint64_t before_ = 0;
};

} // namespace vef
