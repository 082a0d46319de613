#pragma once

#include <vef/messages/errors.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace vef {

/// The files that a model.safetensors.index.json names, sorted, each once: the values of its `weight_map`.
/// They come from elsewhere, so only plain names that end in .safetensors are taken. Errors: corrupt_model.
result<std::vector<std::string>> shard_names(std::string_view index);

} // namespace vef
