#pragma once

#include <vef/backends/types.hpp>

#include <filesystem>

namespace vef {

/// Registers the backend `torch`: TorchScript (.pt) and AOTInductor (.pt2) files, each described by a .toml
/// or .json beside it.
///
/// Settings: `models`, a list of files and folders separated by ':' (a folder offers every description in
/// it); `device`, "cpu" (default), "cuda" or "cuda:N".
///
/// Both formats hold code: load them only from folders that you trust.
void add_torch_backend(backend_types& types);

} // namespace vef
