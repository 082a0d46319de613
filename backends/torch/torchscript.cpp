#include <vef/backends/torch/program.hpp>

#include <ATen/Tensor.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Device.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <malloc.h>

#include <unordered_set>

namespace vef {

namespace {

namespace jit = torch::jit;

// The plain executor: the other one profiles the first passes and compiles again whenever the size of a batch
// is new, which stalls requests for seconds. A frozen graph is optimised already (freezing itself needs the
// optimiser). Belongs to the thread, so other users of LibTorch in this process keep theirs.
using plain_executor = jit::GraphOptimizerEnabledGuard;

// Adds up tensors, each piece of memory once.
class tensor_bytes {
public:
  void add(const at::Tensor& x) {
    if (!x.defined()) return;
    auto whole = x.layout() == at::kStrided;
    const void* memory = whole ? x.storage().data() : static_cast<const void*>(x.unsafeGetTensorImpl());
    if (!memory || !seen_.insert(memory).second) return;
    sum_ += whole ? x.storage().nbytes() : static_cast<std::uint64_t>(x.numel()) * x.element_size();
  }

  void add(const c10::IValue& x) {
    x.visit([this](const c10::IValue& y) {
      if (y.isTensor()) add(y.toTensor());
      return false;
    });
  }

  // The constants of a frozen graph are attributes of its nodes, and some nodes hold a graph of their own.
  void add(const jit::Block* block) {
    for (auto node : block->nodes()) {
      for (auto name : node->attributeNames()) {
        switch (node->kindOf(name)) {
        case jit::AttributeKind::t: add(node->t(name)); break;
        case jit::AttributeKind::ts:
          for (const auto& x : node->ts(name)) add(x);
          break;
        case jit::AttributeKind::ival: add(node->ival(name)); break;
        case jit::AttributeKind::g: add(node->g(name)->block()); break;
        default: break;
        }
      }
      for (auto inner : node->blocks()) add(inner);
    }
  }

  std::uint64_t sum() const { return sum_; }

private:
  std::unordered_set<const void*> seen_;
  std::uint64_t sum_ = 0;
};

// Freezing makes a constant of every attribute that no pass changes, so whoever still asks for one has a
// state.
bool has_state(const jit::Block* block) {
  for (auto node : block->nodes()) {
    if (node->kind() == c10::prim::GetAttr || node->kind() == c10::prim::SetAttr) return true;
    for (auto inner : node->blocks()) {
      if (has_state(inner)) return true;
    }
  }
  return false;
}

// The type of the first weight: a network in half precision wants its pictures so.
at::ScalarType weight_type(const jit::Module& module) {
  for (const auto& x : module.parameters()) {
    if (at::isFloatingType(x.scalar_type())) return x.scalar_type();
  }
  for (const auto& x : module.buffers()) {
    if (at::isFloatingType(x.scalar_type())) return x.scalar_type();
  }
  return at::kFloat;
}

// A processor's convolutions read the channels of a pixel together. Weights laid out so once, and pictures to
// match, beat LibTorch's own optimize_for_inference, which converts between layouts at each layer it does not
// know.
void put_channels_last(jit::Module& module) {
  auto change = [](at::Tensor x) {
    if (x.dim() == 4) x.set_data(x.contiguous(at::MemoryFormat::ChannelsLast));
  };
  for (const auto& x : module.parameters()) change(x);
  for (const auto& x : module.buffers()) change(x);
}

void check_signature(const jit::Module& module) {
  auto method = module.find_method("forward");
  if (!method) throw refusal{{errc::load_failed, "the file has no forward method"}};
  std::size_t wanted = 0;
  const auto& arguments = method->function().getSchema().arguments();
  for (std::size_t i = 1; i < arguments.size(); ++i) wanted += !arguments[i].default_value();
  if (arguments.size() < 2 || wanted > 1)
    throw refusal{{errc::load_failed, "its forward takes " + std::to_string(wanted)
                                          + " inputs, where one batch of pictures is what it gets"}};
}

[[noreturn]] void refuse_output(const std::string& what) {
  throw refusal{{errc::embed_failed, "its forward gives " + what}};
}

at::Tensor by_index(c10::ArrayRef<c10::IValue> items, const network_spec& spec) {
  if (!spec.output_index && items.size() != 1)
    refuse_output(std::to_string(items.size()) + " tensors: choose one with output.index");
  auto index = spec.output_index.value_or(0);
  if (index >= items.size())
    refuse_output(std::to_string(items.size()) + " tensors, so there is none with output.index "
                  + std::to_string(index));
  if (!items[index].isTensor()) refuse_output("no tensor at output.index " + std::to_string(index));
  return items[index].toTensor();
}

at::Tensor by_key(const c10::Dict<c10::IValue, c10::IValue>& items, const network_spec& spec) {
  std::string keys;
  for (const auto& x : items) {
    if (!x.key().isString()) continue;
    if (x.key().toStringRef() == spec.output_key && x.value().isTensor()) return x.value().toTensor();
    keys += (keys.empty() ? "" : ", ") + x.key().toStringRef();
  }
  refuse_output("tensors under the keys " + keys + ": choose one with output.key");
}

at::Tensor chosen(const c10::IValue& output, const network_spec& spec) {
  if (output.isGenericDict()) return by_key(output.toGenericDict(), spec);
  if (!spec.output_key.empty()) refuse_output("no table of tensors, so output.key cannot choose from it");
  if (output.isTuple()) return by_index(output.toTupleRef().elements().asArrayRef(), spec);
  if (output.isTensorList()) {
    std::vector<c10::IValue> items;
    for (const at::Tensor& x : output.toTensorVector()) items.emplace_back(x);
    return by_index(items, spec);
  }
  if (!output.isTensor()) refuse_output("a " + output.tagKind() + " instead of a tensor");
  if (spec.output_index.value_or(0) > 0)
    refuse_output("a single tensor, so output.index must be 0 or left out");
  return output.toTensor();
}

class torchscript final : public program {
public:
  explicit torchscript(const network_spec& spec)
      : spec_(spec)
      , device_(spec.device) {
    auto module = jit::load(spec.file, device_);
    for (auto part : module.modules()) {
      if (part.hasattr("training")) part.setattr("training", false);
    }
    check_signature(module);
    type_ = weight_type(module);
    if (device_.is_cpu()) put_channels_last(module);
    module_ = jit::freeze(module);

    auto graph = module_.get_method("forward").graph();
    tensor_bytes bytes;
    bytes.add(graph->block());
    for (const auto& x : module_.attributes()) bytes.add(x);
    bytes_ = bytes.sum();
    stateful_ = has_state(graph->block());
  }

  ~torchscript() override {
    module_ = jit::Module{};
    if (device_.is_cuda()) {
      if (auto allocator = at::getDeviceAllocator(device_.type())) allocator->emptyCache();
    }
    malloc_trim(0); // weights of a few KiB lie on the heap, which keeps its pages otherwise
  }

  at::Tensor run(const at::Tensor& batch) override {
    plain_executor guard{false};
    auto input = batch.to(device_, type_);
    if (device_.is_cpu() && !spec_.channels_last) input = input.contiguous(at::MemoryFormat::ChannelsLast);
    return chosen(module_.forward({std::move(input)}), spec_);
  }

  std::uint64_t memory_bytes() const override { return bytes_; }

  // A frozen graph is constant: any number of threads may run it, unless it kept a state.
  unsigned concurrency() const override { return stateful_ ? 1 : 256; }

private:
  network_spec spec_;
  at::Device device_;
  jit::Module module_;
  at::ScalarType type_ = at::kFloat;
  std::uint64_t bytes_ = 0;
  bool stateful_ = false;
};

} // namespace

std::unique_ptr<program> load_torchscript(const network_spec& spec) {
  return std::make_unique<torchscript>(spec);
}

} // namespace vef
