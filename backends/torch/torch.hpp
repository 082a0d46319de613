#pragma once

#include <vef/backends/types.hpp>

#include <filesystem>

namespace vef {

/// Registers the backend `torch`: TorchScript (.pt) and AOTInductor (.pt2) files, each described by a .toml
/// or .json beside it.
///
/// Settings: `models`, a list of files and folders separated by ':' (a folder offers every description in
/// it); `device`, "cpu" (default), "cuda", "cuda:N", "emulated" or "emulated:N".
///
/// A .pt file on a device has two tiers: the host's memory, from which it does not serve, and the device's.
///
/// An emulated device is for machines that have none: all is done as on a real one, but its memory is the
/// host's. It holds `device_memory` bytes, "1GiB" unless told.
///
/// Both formats hold code: load them only from folders that you trust.
void add_torch_backend(backend_types& types);

} // namespace vef
