#pragma once

#include <vef/backends/image/prepare.hpp>
#include <vef/backends/torch/engine.hpp>
#include <vef/messages/model.hpp>

#include <memory>

namespace vef {

/// What a network takes and gives.
struct network_facts {
  std::string id; ///< of the model, for error texts
  preparation prepare = {};
  tensor_layout layout = tensor_layout::nchw;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t dim = 0; ///< numbers of a vector that are handed out
};

/// A network of libvef_torch.so as a model.
std::unique_ptr<loaded_model> make_network_model(network_facts facts, std::unique_ptr<network> net);

} // namespace vef
