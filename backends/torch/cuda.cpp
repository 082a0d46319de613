#include <vef/backends/torch/program.hpp>

#include <ATen/Context.h>
#include <c10/core/Device.h>

#include <dlfcn.h>

#include <mutex>

namespace vef {

namespace {

[[noreturn]] void refuse(const std::string& device, const std::string& why) {
  throw refusal{{errc::load_failed, "the device '" + device + "' cannot be used: " + why}};
}

std::string last_error() {
  auto text = dlerror();
  return text ? text : "no reason given";
}

} // namespace

void open_cuda(const std::string& device) {
  static std::mutex mutex;
  std::scoped_lock lock{mutex};
  if (!at::hasCUDA()) {
    if (!dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL))
      refuse(device, "there is no NVIDIA driver (" + last_error()
                         + "). Install the driver and run `./dev deps --cuda`, or set device to 'cpu'");
    // Its static initialisers register the CUDA part with the LibTorch that is open already.
    if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL))
      refuse(device, "LibTorch's CUDA libraries are missing (" + last_error() + "). Run `./dev deps --cuda`");
    if (!at::hasCUDA()) refuse(device, "LibTorch's CUDA part did not register itself");
  }
  auto count = at::getNumGPUs();
  auto index = at::Device{device}.has_index() ? at::Device{device}.index() : 0;
  if (index >= static_cast<int>(count))
    refuse(device, "the driver shows " + std::to_string(count) + " devices, counted from 0");
}

} // namespace vef
