#pragma once

#include "support/skip.hpp"

#include <cstdint>
#include <dlfcn.h>
#include <memory>
#include <stdexcept>
#include <string>

namespace vef::test {

/// The NVIDIA driver, asked without headers of its own: names and signatures as in cuda.h since CUDA 3.2.
class cuda_driver {
public:
  using handle = std::uint64_t; ///< CUdeviceptr

  static const cuda_driver& instance() {
    static const cuda_driver x;
    return x;
  }

  bool has_gpu() const { return devices_ > 0; }

  template <class... Arguments> int call(const char* name, Arguments... arguments) const {
    auto function = library_ ? dlsym(library_, name) : nullptr;
    return function ? reinterpret_cast<int (*)(Arguments...)>(function)(arguments...) : -1;
  }

private:
  cuda_driver()
      : library_(dlopen("libcuda.so.1", RTLD_NOW)) {
    if (call("cuInit", 0u) != 0 || call("cuDeviceGetCount", &devices_) != 0) devices_ = 0;
  }

  void* library_;
  int devices_ = 0;
};

/// The memory of the first GPU, and a part of it that is in use by others while this lives.
class device_memory {
public:
  device_memory() {
    void* context = nullptr; // LibTorch's own
    check("cuDevicePrimaryCtxRetain", &context, 0);
    check("cuCtxSetCurrent", context);
    check("cuMemGetInfo_v2", &free_, &total_);
  }
  ~device_memory() {
    if (taken_) driver_.call("cuMemFree_v2", taken_);
    driver_.call("cuDevicePrimaryCtxRelease_v2", 0);
  }
  device_memory(const device_memory&) = delete;
  device_memory& operator=(const device_memory&) = delete;

  std::uint64_t total() const { return total_; }

  /// Takes all that was free but so many bytes.
  void leave(std::uint64_t bytes) { check("cuMemAlloc_v2", &taken_, free_ - bytes); }

private:
  template <class... Arguments> void check(const char* name, Arguments... arguments) {
    if (auto code = driver_.call(name, arguments...))
      throw std::runtime_error(std::string{name} + " gave " + std::to_string(code));
  }

  const cuda_driver& driver_ = cuda_driver::instance();
  std::size_t free_ = 0, total_ = 0;
  cuda_driver::handle taken_ = 0;
};

} // namespace vef::test

/// Ends the test case as skipped, by name, where there is no NVIDIA GPU.
#define VEF_NEEDS_GPU()                                                                                      \
  if (!::vef::test::cuda_driver::instance().has_gpu()) {                                                     \
    ::vef::test::report_skipped("needs an NVIDIA GPU");                                                      \
    return;                                                                                                  \
  }
