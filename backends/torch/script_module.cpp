#include <vef/backends/torch/script_module.hpp>

#include <ATen/Tensor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <unordered_map>

namespace vef {

namespace jit = torch::jit;

// -- weights ------------------------------------------------------------------------------------------------

void tensor_bytes::add(const at::Tensor& x) {
  if (!x.defined()) return;
  auto whole = x.layout() == at::kStrided;
  const void* memory = whole ? x.storage().data() : static_cast<const void*>(x.unsafeGetTensorImpl());
  if (!memory || !seen_.insert(memory).second) return;
  sum_ += whole ? x.storage().nbytes() : static_cast<std::uint64_t>(x.numel()) * x.element_size();
}

void tensor_bytes::add(const c10::IValue& x) {
  x.visit([this](const c10::IValue& y) {
    if (y.isTensor()) add(y.toTensor());
    return false;
  });
}

// The constants of a frozen graph are attributes of its nodes, and some nodes hold a graph of their own.
void tensor_bytes::add(const jit::Block* block) {
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

void tensor_bytes::add(const jit::Module& x) {
  if (auto method = x.find_method("forward")) add(method->graph()->block());
  for (const auto& y : x.attributes()) add(y);
}

namespace {

bool has_state(const jit::Block* block) {
  for (auto node : block->nodes()) {
    if (node->kind() == c10::prim::GetAttr || node->kind() == c10::prim::SetAttr) return true;
    for (auto inner : node->blocks()) {
      if (has_state(inner)) return true;
    }
  }
  return false;
}

} // namespace

namespace {

std::size_t count_nodes(const jit::Block* block) {
  std::size_t sum = 0;
  for (auto node : block->nodes()) {
    ++sum;
    for (auto inner : node->blocks()) sum += count_nodes(inner);
  }
  return sum;
}

} // namespace

std::uint64_t graph_bytes(const jit::Module& frozen) {
  constexpr std::uint64_t per_node =
      6 << 10; // of three networks with 236 to 533 nodes, after passes of eight sizes
  return per_node * count_nodes(frozen.get_method("forward").graph()->block());
}

bool has_state(const jit::Module& frozen) { return has_state(frozen.get_method("forward").graph()->block()); }

at::ScalarType weight_type(const jit::Module& module) {
  for (const auto& x : module.parameters()) {
    if (at::isFloatingType(x.scalar_type())) return x.scalar_type();
  }
  for (const auto& x : module.buffers()) {
    if (at::isFloatingType(x.scalar_type())) return x.scalar_type();
  }
  return at::kFloat;
}

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

namespace {

void forbid_tf32(jit::Block* block) {
  static const auto convolution = c10::Symbol::fromQualString("aten::_convolution");
  constexpr std::size_t allow_tf32 = 12; // which argument
  for (auto node : block->nodes()) {
    for (auto inner : node->blocks()) forbid_tf32(inner);
    if (node->kind() != convolution || node->inputs().size() <= allow_tf32) continue;
    jit::WithInsertPoint before{node};
    node->replaceInput(allow_tf32, node->owningGraph()->insertConstant(false));
  }
}

} // namespace

void forbid_tf32(const jit::Module& frozen) { forbid_tf32(frozen.get_method("forward").graph()->block()); }

// -- copies -------------------------------------------------------------------------------------------------

namespace {

using object = c10::intrusive_ptr<c10::ivalue::Object>;

object in_unit(const std::shared_ptr<jit::CompilationUnit>& unit, const object& x,
               std::unordered_map<const c10::ivalue::Object*, object>& done) {
  if (auto found = done.find(x.get()); found != done.end()) return found->second;
  auto size = x->slots().size();
  auto out = c10::ivalue::Object::create(c10::StrongTypePtr{unit, x->type()}, size);
  done.emplace(x.get(), out);
  for (std::size_t i = 0; i < size; ++i) {
    const auto& slot = x->getSlot(i);
    out->setSlot(i, slot.isModule() ? c10::IValue{in_unit(unit, slot.toObject(), done)} : slot);
  }
  return out;
}

// The same weights and code, but what is made from it goes to a unit of its own.
jit::Module apart(const jit::Module& x) {
  std::unordered_map<const c10::ivalue::Object*, object> done;
  return jit::Module{in_unit(std::make_shared<jit::CompilationUnit>(), x._ivalue(), done)};
}

// Puts copies in the place of the constants of a graph.
class constant_copier {
public:
  // Given the device that a tensor is on, LibTorch would share it.
  constant_copier(const at::Device& from, const at::Device& to)
      : to_(from == to ? std::nullopt : std::optional{to}) {}

  void copy_all(jit::Block* block) {
    for (auto node : block->nodes()) {
      for (auto name : node->attributeNames()) copy_one(*node, name);
      for (auto inner : node->blocks()) copy_all(inner);
    }
  }

private:
  void copy_one(jit::Node& node, c10::Symbol name) {
    switch (node.kindOf(name)) {
    case jit::AttributeKind::t:
      node.t_(name, copy(node.t(name)));
      if (node.kind() == c10::prim::Constant) node.output()->inferTypeFrom(node.t(name)); // says the device
      break;
    case jit::AttributeKind::ts: {
      std::vector<at::Tensor> all;
      for (const auto& x : node.ts(name)) all.push_back(copy(x));
      node.ts_(name, std::move(all));
      break;
    }
    case jit::AttributeKind::ival: node.ival_(name, node.ival(name).deepcopy(to_)); break;
    case jit::AttributeKind::g: copy_all(node.g(name)->block()); break;
    default: break;
    }
  }

  // What two nodes share they share afterwards.
  at::Tensor copy(const at::Tensor& x) {
    if (!x.defined()) return x;
    auto strided = x.layout() == at::kStrided;
    auto& known = done_[strided ? x.const_data_ptr() : nullptr];
    for (const auto& [before, after] : known) {
      if (before.sizes() == x.sizes() && before.strides() == x.strides() && before.dtype() == x.dtype())
        return after;
    }
    auto out = to_ ? x.to(*to_) : x.clone();
    if (strided) known.emplace_back(x, out);
    return out;
  }

  std::optional<at::Device> to_;
  std::unordered_map<const void*, std::vector<std::pair<at::Tensor, at::Tensor>>> done_;
};

} // namespace

jit::Module frozen_apart(const jit::Module& x) { return jit::freeze(apart(x)); }

namespace {

// A file in memory that is nowhere else, so that its bytes are neither on a disk nor in the heap.
class memory_file {
public:
  memory_file()
      : descriptor_(::memfd_create("vef-module", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw refusal{{errc::load_failed, "cannot make a file in memory"}};
  }
  ~memory_file() { ::close(descriptor_); }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

private:
  int descriptor_;
};

} // namespace

jit::Module alone(jit::Module x) {
  memory_file file;
  x.save(file.path());
  x = jit::Module{};
  return jit::load(file.path(), at::kCPU);
}

jit::Module copied(const jit::Module& x, const at::Device& from, const at::Device& to) {
  auto weights =
      from == to ? x.deepcopy() : x.deepcopy(to); // what a pass can change, which is not in the graph
  auto out = apart(weights).clone(true);
  constant_copier{from, to}.copy_all(out.get_method("forward").graph()->block());
  return out;
}

// -- outputs ------------------------------------------------------------------------------------------------

namespace {

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

} // namespace

at::Tensor chosen_output(const c10::IValue& output, const network_spec& spec) {
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

} // namespace vef
