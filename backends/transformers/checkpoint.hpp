#pragma once

#include <vef/backends/torch/engine.hpp>
#include <vef/backends/transformers/family.hpp>
#include <vef/backends/transformers/repository.hpp>
#include <vef/messages/model.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace vef {

/// How the checkpoints of a service are used, other than their authors would.
struct checkpoint_options {
  std::string output = {};             ///< by its name; empty: the family's own choice
  std::optional<bool> normalize = {};  ///< vectors of length 1; nothing: as is usual for the output
  std::array<std::uint32_t, 2> size{}; ///< width and height of the input; 0: as the checkpoint says
  std::uint32_t truncate = 0;          ///< numbers of a vector to keep; 0: all
  vef::arithmetic arithmetic = vef::arithmetic::pillow;
  std::string device = "host"; ///< as tiers name it
};

/// What a checkpoint folder holds, checked against itself: config, preparation and tensors fit each other.
/// Nothing of the weights but their headers is read.
struct checkpoint {
  model_info info;
  std::string family;
  checkpoint_options options;
  network_plan plan;
  std::int64_t dim = 0; ///< of the network's vectors, before they are truncated
  checkpoint_weights weights;

  std::uint32_t height() const { return static_cast<std::uint32_t>(plan.slots[0][1]); }
  std::uint32_t width() const { return static_cast<std::uint32_t>(plan.slots[0][2]); }
};

/// Reads the folder. Errors name file, key or tensor: invalid_config, corrupt_model, unsupported_model for an
/// architecture that no family reads, invalid_argument for options that do not fit the model.
result<checkpoint> open_checkpoint(const found_checkpoint& from, const model_families& families,
                                   const checkpoint_options& options);

/// The plan and its weights, for an engine: views of the mapped files, and what is computed from them.
std::shared_ptr<const planned_network> to_network(const checkpoint& x, precision compute);

} // namespace vef
