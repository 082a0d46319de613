#include <vef/backends/torch/accelerator.hpp>
#include <vef/backends/torch/pieces.hpp>
#include <vef/backends/torch/script_module.hpp>

#include <ATen/Tensor.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

namespace vef {

namespace {

namespace jit = torch::jit;

// The plain executor: the other one profiles the first passes and compiles again whenever the size of a batch
// is new, which stalls requests for seconds. A frozen graph is optimised already (freezing itself needs the
// optimiser). Belongs to the thread, so other users of LibTorch in this process keep theirs.
using plain_executor = jit::GraphOptimizerEnabledGuard;

class torchscript final : public program {
public:
  explicit torchscript(const network_spec& spec)
      : spec_(spec)
      , device_(torch_device(spec.device))
      , moves_(spec.device != "host") {
    tier_ = moves_ && spec.load.tier != tier::host ? tier::device : tier::host;
    charged_to account{account_of(tier_)};
    device_use use{place_of(tier_)};
    auto module = jit::load(spec.file, place_of(tier_));
    for (auto part : module.modules()) {
      if (part.hasattr("training")) part.setattr("training", false);
    }
    check_signature(module);
    type_ = weight_type(module);
    if (device_.is_cpu()) put_channels_last(module);
    if (moves_) code_ = module._ivalue()->compilation_unit();
    frozen_ = moves_ ? frozen_apart(module) : jit::freeze(module);
    if (device_.is_cuda()) forbid_tf32(frozen_);
    stateful_ = has_state(frozen_);
    if (!moves_ && !stateful_) {
      module = jit::Module{};
      frozen_ = alone(std::move(frozen_));
    }
    tensor_bytes bytes;
    bytes.add(frozen_);
    bytes_ = bytes.sum();
    graph_bytes_ = graph_bytes(frozen_);
  }

  at::Tensor run(const at::Tensor& batch) override {
    plain_executor guard{false};
    auto input = batch.to(device_, type_);
    if (device_.is_cpu() && !spec_.channels_last) input = input.contiguous(at::MemoryFormat::ChannelsLast);
    return chosen_output(frozen_.forward({std::move(input)}), spec_);
  }

  vef::tier tier() const override { return tier_; }
  bool serves() const override { return !moves_ || tier_ == tier::device; }

  void move_to(vef::tier to) override {
    if (to == tier_) return;
    if (!moves_ || (to != tier::host && to != tier::device))
      throw refusal{{errc::invalid_argument, "the model has no such tier"}};
    charged_to account{account_of(to)};
    device_use use{device_};
    frozen_ = copied(frozen_, place_of(tier_), place_of(to));
    tier_ = to;
  }

  std::vector<device_bytes> weights() const override {
    if (tier_ == tier::device) return {{spec_.device, bytes_}};
    return {{"host",
             moves_ ? bytes_ : bytes_ + graph_bytes_}}; // a ladder says what a tier needs of weights alone
  }

  // A frozen graph is constant: any number of threads may run it, unless it kept a state.
  unsigned concurrency() const override { return stateful_ ? 1 : 256; }

private:
  at::Device place_of(vef::tier x) const { return x == tier::device ? device_ : at::Device{at::kCPU}; }

  std::shared_ptr<emulated_memory> account_of(vef::tier x) const {
    return x == tier::device ? spec_.emulated : nullptr;
  }

  network_spec spec_;
  at::Device device_;
  bool moves_; ///< between two tiers
  at::ScalarType type_ = at::kFloat;
  bool stateful_ = false;
  std::uint64_t bytes_ = 0; ///< of the weights, wherever they are
  std::uint64_t graph_bytes_ = 0;
  vef::tier tier_ = tier::host;
  std::shared_ptr<jit::CompilationUnit> code_; ///< of the file, for what a frozen module may still ask of it
  jit::Module frozen_;
};

} // namespace

std::unique_ptr<program> load_torchscript(const network_spec& spec) {
  return std::make_unique<torchscript>(spec);
}

} // namespace vef
