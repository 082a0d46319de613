#include <vef/backends/torch/accelerator.hpp>
#include <vef/backends/torch/program.hpp>

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <dlfcn.h>

#include <array>
#include <atomic>
#include <mutex>

namespace vef {

namespace {

/// Who uses a device now.
struct device_users {
  std::mutex mutex;
  std::uint64_t begun = 0; ///< until now
  std::uint64_t now = 0;
  std::atomic<bool> open = false; ///< it was asked for by a model, so its context exists
};

device_users& users_of(const at::Device& device) {
  static std::array<device_users, 128> all; // a DeviceIndex has seven bits
  return all.at(static_cast<std::size_t>(device.index()));
}

c10::DeviceAllocator& allocator_of(const at::Device& device) {
  return *at::getDeviceAllocator(device.type());
}

c10::CachingDeviceAllocator::DeviceStats stats_of(const at::Device& device) {
  return allocator_of(device).getDeviceStats(device.index());
}

std::uint64_t current(const c10::CachingAllocator::StatArray& x) {
  return static_cast<std::uint64_t>(
      x[static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE)].current);
}

std::uint64_t peak(const c10::CachingAllocator::StatArray& x) {
  return static_cast<std::uint64_t>(
      x[static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak);
}

[[noreturn]] void refuse(const at::Device& device, const std::string& why) {
  throw refusal{{errc::load_failed, "the device '" + device.str() + "' cannot be used: " + why}};
}

std::string last_error() {
  auto text = dlerror();
  return text ? text : "no reason given";
}

void open_libraries(const at::Device& device) {
  if (at::hasCUDA()) return;
  if (!dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL))
    refuse(device, "there is no NVIDIA driver (" + last_error()
                       + "). Install the driver and run `./dev deps --cuda`, or set device to 'cpu'");
  // Its static initialisers register the CUDA part with the LibTorch that is open already.
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL))
    refuse(device, "LibTorch's CUDA libraries are missing (" + last_error() + "). Run `./dev deps --cuda`");
  if (!at::hasCUDA()) refuse(device, "LibTorch's CUDA part did not register itself");
}

} // namespace

at::Device torch_device(const std::string& name) {
  return name.starts_with("cuda") ? at::Device{name} : at::Device{at::kCPU};
}

void open_cuda(const at::Device& device) {
  static std::mutex mutex;
  std::scoped_lock lock{mutex};
  open_libraries(device);
  auto count = at::getNumGPUs();
  if (device.index() >= static_cast<int>(count))
    refuse(device, "the driver shows " + std::to_string(count) + " devices, counted from 0");
  at::globalContext().lazyInitDevice(device.type());
  users_of(device).open = true;
}

void empty_cache(const at::Device& device) {
  if (device.is_cuda()) allocator_of(device).emptyCache();
}

std::uint64_t cached_bytes(const at::Device& device) {
  if (!device.is_cuda()) return 0;
  auto stats = stats_of(device);
  return current(stats.reserved_bytes) - current(stats.allocated_bytes);
}

device_use::device_use(const at::Device& device)
    : device_(device) {
  if (!device_.is_cuda()) return;
  auto& users = users_of(device_);
  std::scoped_lock lock{users.mutex};
  ++users.begun;
  if (users.now++ > 0) return;
  begun_ = users.begun;
  before_ = current(stats_of(device_).allocated_bytes);
  allocator_of(device_).resetPeakStats(device_.index());
}

device_use::~device_use() {
  if (!device_.is_cuda()) return;
  auto& users = users_of(device_);
  std::scoped_lock lock{users.mutex};
  --users.now;
}

std::uint64_t device_use::bytes() const {
  if (begun_ == 0) return 0;
  auto& users = users_of(device_);
  std::scoped_lock lock{users.mutex};
  if (users.begun != begun_) return 0;
  auto most = peak(stats_of(device_).allocated_bytes);
  return most > before_ ? most - before_ : 0;
}

} // namespace vef

extern "C" __attribute__((visibility("default"))) bool vef_torch_read_device_3(vef::device_reading& out) {
  try {
    auto device = vef::torch_device(out.device);
    if (!device.is_cuda() || !vef::users_of(device).open) return false;
    auto [free, total] = vef::allocator_of(device).getMemoryInfo(device.index());
    out.total = total;
    out.available = free;
    out.ours = vef::current(vef::stats_of(device).reserved_bytes);
    return true;
  } catch (...) {
    return false; // a driver that fails says nothing of its memory
  }
}
