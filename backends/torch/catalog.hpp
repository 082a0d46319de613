#pragma once

#include <vef/backends/torch/description.hpp>

#include <string_view>
#include <vector>

namespace vef {

/// Finds the models that a setting names: files and folders separated by ':'. A file is a description, or a
/// .pt or .pt2 with its description beside it (x.pt.toml, x.pt.json, x.toml or x.json). A folder offers what
/// is described in it and one level down; a bad description there is logged and left out, and one for another
/// backend is passed over.
///
/// Errors: invalid_config for a path that does not exist, a bad description that was named, an id that two
/// files claim.
result<std::vector<torch_description>> read_torch_catalog(std::string_view models,
                                                          const std::string& device = "cpu");

} // namespace vef
