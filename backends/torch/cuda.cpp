#include <vef/backends/torch/accelerator.hpp>
#include <vef/backends/torch/program.hpp>

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

namespace vef {

namespace {

/// Who uses a device now.
struct device_users {
  std::uint64_t begun = 0; ///< until now
  std::uint64_t now = 0;
  std::atomic<bool> open = false;          ///< it was asked for by a model, so its context exists
  std::atomic<std::uint64_t> may_keep = 0; ///< that LibTorch may keep for passes, all models together
};

// More than any device has, and little enough that a sum of them does not overflow.
constexpr std::uint64_t no_limit = std::uint64_t{1} << 48;

// LibTorch takes memory in segments of 20 MiB and more, which the tensors of a pass fill in part.
constexpr std::uint64_t partly_filled = std::uint64_t{64} << 20;

std::array<device_users, 128> all_users; // a DeviceIndex has seven bits
std::mutex users_mutex;                  // of what in them is not atomic

device_users& users_of(const at::Device& device) {
  return all_users.at(static_cast<std::size_t>(device.index()));
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

// Convolutions would otherwise round their factors to ten bits (TF32), which is no float32. Products of
// matrices don't, unless the process asks for it.
void compute_exactly() {
  at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV,
                                          at::Float32Precision::IEEE);
}

// cuBLAS has a workspace of 32 MiB for each thread that ever multiplied matrices, on all devices. Where
// nobody computes they can go, and are made anew when they are needed. The function is public, of LibTorch's
// ATen/cuda/CUDAContextLight.h, but lies in the part that isn't linked.
void give_up_workspaces() {
  static const auto clear =
      reinterpret_cast<void (*)()>(dlsym(RTLD_DEFAULT, "_ZN2at4cuda21clearCublasWorkspacesEv"));
  if (clear) clear();
}

std::string last_error() {
  auto text = dlerror();
  return text ? text : "no reason given";
}

// Gives why there is no CUDA; nothing where there is.
std::string open_libraries() {
  if (!dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL))
    return "there is no NVIDIA driver (" + last_error()
           + "). Install the driver and run `./dev deps --cuda`, or set device to 'cpu'";
  // Its static initialisers register the CUDA part with the LibTorch that is open already.
  if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL))
    return "LibTorch's CUDA libraries are missing (" + last_error() + "). Run `./dev deps --cuda`";
  return at::hasCUDA() ? "" : "LibTorch's CUDA part did not register itself";
}

} // namespace

at::Device torch_device(const std::string& name) {
  return name.starts_with("cuda") ? at::Device{name} : at::Device{at::kCPU};
}

const std::string& find_cuda() {
  static const std::string why_not = open_libraries();
  return why_not;
}

void open_cuda(const at::Device& device) {
  static std::mutex mutex;
  std::scoped_lock lock{mutex};
  if (const auto& why_not = find_cuda(); !why_not.empty()) refuse(device, why_not);
  auto count = at::getNumGPUs();
  if (device.index() >= static_cast<int>(count))
    refuse(device, "the driver shows " + std::to_string(count) + " devices, counted from 0");
  at::globalContext().lazyInitDevice(device.type());
  compute_exactly();
  users_of(device).open = true;
}

void empty_cache(const at::Device& device) noexcept {
  if (!device.is_cuda() || !users_of(device).open) return;
  std::scoped_lock lock{users_mutex};
  try {
    if (std::ranges::all_of(all_users, [](const auto& x) { return x.now == 0; })) give_up_workspaces();
    allocator_of(device).emptyCache();
  } catch (const std::exception&) {
    // A driver that fails takes nothing back.
  }
}

// Not what lies beside tensors in a segment that is in use: that can't be given back.
std::uint64_t cached_bytes(const at::Device& device) {
  if (!device.is_cuda()) return 0;
  auto stats = stats_of(device);
  auto bound = current(stats.active_bytes) + current(stats.inactive_split_bytes);
  auto reserved = current(stats.reserved_bytes);
  return reserved > bound ? reserved - bound : 0;
}

void cache_share::limit(std::uint64_t bytes) {
  if (!device_.is_cuda()) return;
  bytes = std::min(bytes, no_limit);
  users_of(device_).may_keep += bytes - limit_.exchange(bytes); // wraps around where it sinks
}

void cache_share::trim() const {
  if (device_.is_cuda() && cached_bytes(device_) > users_of(device_).may_keep + partly_filled)
    empty_cache(device_);
}

device_use::device_use(const at::Device& device)
    : device_(device) {
  if (!device_.is_cuda()) return;
  auto& users = users_of(device_);
  std::scoped_lock lock{users_mutex};
  ++users.begun;
  if (users.now++ > 0) return;
  begun_ = users.begun;
  before_ = current(stats_of(device_).allocated_bytes);
  allocator_of(device_).resetPeakStats(device_.index());
}

device_use::~device_use() {
  if (!device_.is_cuda()) return;
  auto& users = users_of(device_);
  std::scoped_lock lock{users_mutex};
  --users.now;
}

std::uint64_t device_use::bytes() const {
  if (begun_ == 0) return 0;
  auto& users = users_of(device_);
  std::scoped_lock lock{users_mutex};
  if (users.begun != begun_) return 0;
  auto stats = stats_of(device_);
  auto most = peak(stats.allocated_bytes);
  return current(stats.allocated_bytes) > before_ || most < before_ ? 0 : most - before_;
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
