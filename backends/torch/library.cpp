#include <vef/backends/torch/library.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace vef {

namespace fs = std::filesystem;

namespace {

/// A library of NVIDIA's, asked without its headers. Stays open: one that was started can't be closed safely.
class nvidia_library {
public:
  explicit nvidia_library(const char* name)
      : opened_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {}

  /// Whether the function is there and answers 0, which is success with all of them.
  template <class... Arguments> bool call(const char* function, Arguments... arguments) const {
    auto found = opened_ ? dlsym(opened_, function) : nullptr;
    return found && reinterpret_cast<int (*)(Arguments...)>(found)(arguments...) == 0;
  }

private:
  void* opened_;
};

// The driver's interface, https://docs.nvidia.com/cuda/cuda-driver-api/, tells what is free only within a
// context, which takes half a gigabyte. NVML does without, https://docs.nvidia.com/deploy/nvml-api/, but
// counts devices otherwise: the place on the bus is common to both. Without NVML all counts as free.
std::optional<device_reading> ask_driver(const std::string& device) {
  static const nvidia_library driver{"libcuda.so.1"}, management{"libnvidia-ml.so.1"};
  struct {
    unsigned long long total = 0, free = 0, used = 0;
  } memory;
  int handle = 0, index = std::atoi(device.substr(device.find(':') + 1).c_str());
  std::size_t total = 0;
  if (!driver.call("cuInit", 0u) || !driver.call("cuDeviceGet", &handle, index)
      || !driver.call("cuDeviceTotalMem_v2", &total, handle))
    return {};
  device_reading out{.device = device, .total = total, .available = total};
  std::array<char, 32> place{};
  void* managed = nullptr;
  if (driver.call("cuDeviceGetPCIBusId", place.data(), static_cast<int>(place.size()), handle)
      && management.call("nvmlInit_v2")
      && management.call("nvmlDeviceGetHandleByPciBusId_v2", static_cast<const char*>(place.data()), &managed)
      && management.call("nvmlDeviceGetMemoryInfo", managed, static_cast<void*>(&memory)))
    out.available = std::min<std::uint64_t>(memory.free, total);
  return out;
}

} // namespace

std::vector<fs::path> torch_library_places() {
  constexpr const char* name = "libvef_torch.so";
  if (auto named = std::getenv("VEF_TORCH_LIBRARY"); named && *named) return {named};
  std::vector<fs::path> out;
  std::error_code error;
  if (auto program = fs::read_symlink("/proc/self/exe", error); !error) {
    auto folder = program.parent_path();
    out = {folder / name, folder.parent_path() / "lib" / "vef" / name, folder.parent_path() / "lib" / name};
  }
  out.emplace_back(fs::path{VEF_TORCH_LIBRARY_DIR} / name);
  return out;
}

result<torch_library> open_torch_library(const std::vector<fs::path>& places) {
  std::string looked;
  for (const auto& file : places) {
    std::error_code error;
    looked += (looked.empty() ? "" : ", ") + vef::quoted(file.string());
    if (!fs::exists(file, error)) continue;
    auto library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      auto why = dlerror();
      return fail(errc::load_failed, "cannot open LibTorch: " + std::string{why ? why : "no reason given"});
    }
    auto load = dlsym(library, load_network_symbol), read = dlsym(library, read_device_symbol);
    if (!load || !read)
      return fail(errc::load_failed, vef::quoted(file.string()) + " belongs to another version of vef");
    return torch_library{reinterpret_cast<load_network*>(load), reinterpret_cast<read_device*>(read)};
  }
  return fail(errc::load_failed, "cannot find the library that links LibTorch; looked for " + looked);
}

std::optional<device_reading> read_cuda_device(const std::string& device, read_device* read) {
  device_reading out{.device = device};
  return read && read(out) ? std::optional{out} : ask_driver(device);
}

} // namespace vef
