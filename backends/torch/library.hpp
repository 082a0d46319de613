#pragma once

#include <vef/backends/torch/engine.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace vef {

/// Where libvef_torch.so is looked for: what VEF_TORCH_LIBRARY names and nothing else; or the folder of the
/// program, ../lib/vef and ../lib from there, and the folder that it was built in.
std::vector<std::filesystem::path> torch_library_places();

/// The module's functions.
struct torch_library {
  load_network* load = nullptr;
  read_device* read = nullptr;
};

/// Opens libvef_torch.so, and LibTorch with it, unless it is open. It is never closed: LibTorch can't be.
/// Errors: load_failed.
result<torch_library> open_torch_library(const std::vector<std::filesystem::path>& places);

/// The memory of a CUDA device ("cuda:0"): as LibTorch has it once a model was loaded there, and before, so
/// that there can be room for that model, as the driver has it, which costs no memory of the device. Nothing
/// where there is no such device.
///
/// `read`: of the open library; nullptr: it isn't open.
///
/// Threads: any.
std::optional<device_reading> read_cuda_device(const std::string& device, read_device* read);

} // namespace vef
