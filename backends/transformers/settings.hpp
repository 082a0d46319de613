#pragma once

#include <vef/backends/transformers/checkpoint.hpp>
#include <vef/backends/transformers/precision_book.hpp>
#include <vef/backends/types.hpp>

#include <filesystem>
#include <memory>
#include <vector>

namespace vef {

/// What transformers.hpp lists, read.
struct transformers_settings {
  std::vector<std::filesystem::path> models = {};
  bool hub_cache = false;
  checkpoint_options options = {};
  precision_wish precision = precision_wish::float32;
  std::filesystem::path precision_file = {};
  std::shared_ptr<emulated_memory> emulated = {}; ///< of an emulated device
};

/// Errors: invalid_config that names the setting.
result<transformers_settings> read_transformers_settings(const backend_settings& x);

} // namespace vef
