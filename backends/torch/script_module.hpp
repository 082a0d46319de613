#pragma once

#include <vef/backends/torch/program.hpp>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <unordered_set>

namespace vef {

/// Adds up tensors, each piece of memory once.
class tensor_bytes {
public:
  void add(const at::Tensor& x);
  void add(const c10::IValue& x);
  void add(const torch::jit::Block* block); ///< of a frozen graph: its constants
  void add(const torch::jit::Module& x);    ///< its weights, and what the graph of `forward` holds

  std::uint64_t sum() const { return sum_; }

private:
  std::unordered_set<const void*> seen_;
  std::uint64_t sum_ = 0;
};

/// Whether a frozen module keeps something from one pass to the next. Freezing makes a constant of every
/// attribute that no pass changes, so whoever still asks for one has a state.
bool has_state(const torch::jit::Module& frozen);

/// Bytes of host memory that the code of a frozen module takes, with what the executor keeps of it: an
/// estimate, since they lie in the heap among everything else.
std::uint64_t graph_bytes(const torch::jit::Module& frozen);

/// The type of the first weight: a network in half precision wants its pictures so.
at::ScalarType weight_type(const torch::jit::Module& module);

/// A processor's convolutions read the channels of a pixel together. Weights laid out so once, and pictures
/// to match, beat LibTorch's own optimize_for_inference, which converts between layouts at each layer it does
/// not know.
void put_channels_last(torch::jit::Module& module);

/// A module that was traced says of each convolution what LibTorch's setting was then, which is that a GPU
/// may round its factors to ten bits (TF32). Afterwards it may not.
void forbid_tf32(const torch::jit::Module& frozen);

/// Refuses a module whose `forward` can't be called with a batch of pictures.
void check_signature(const torch::jit::Module& module);

/// Freezes a module in a unit of code of its own, where the frozen graph and its constants stay for as long
/// as the frozen module: those of a module that moves would pile up in the unit of `x`. That one is still
/// used, and has to live as long.
torch::jit::Module frozen_apart(const torch::jit::Module& x);

/// A frozen module and nothing else: one that was frozen keeps the code of every module that it was made
/// from, and what the optimiser made of it, which for MobileNetV2 is more than its weights. Only for one
/// without a state, on the host.
torch::jit::Module alone(torch::jit::Module x);

/// A frozen module with a copy of the weights on a device, which may be the one that they are on; apart from
/// `x` as well.
torch::jit::Module copied(const torch::jit::Module& x, const at::Device& from, const at::Device& to);

/// The tensor of an output that the description chose.
at::Tensor chosen_output(const c10::IValue& output, const network_spec& spec);

} // namespace vef
