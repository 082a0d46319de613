#include <vef/backends/torch/plan_actions.hpp>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

namespace vef {

namespace {

at::ScalarType scalar_of(dtype x) {
  switch (x) {
  case dtype::f16: return at::kHalf;
  case dtype::bf16: return at::kBFloat16;
  default: return at::kFloat; // a plan asks for nothing else
  }
}

at::ScalarType scalar_of(precision x) {
  switch (x) {
  case precision::bfloat16: return at::kBFloat16;
  case precision::float16: return at::kHalf;
  case precision::float32: break;
  }
  return at::kFloat;
}

} // namespace

plan_materials::plan_materials(const planned_network& from, vef::tier tier, at::Device device)
    : from_(from)
    , tier_(tier)
    , device_(device)
    , type_(scalar_of(from.compute))
    , gains_(from.plan.slots.size(), 1.0)
    , last_use_(last_uses(from.plan)) {}

at::Tensor plan_materials::stored(plan::weight x) const {
  const auto& w = from_.weights[x.index];
  auto type = scalar_of(w.type);
  auto address = reinterpret_cast<std::uintptr_t>(w.data);
  // Only read through, although its type cannot say so.
  auto data = const_cast<void*>(static_cast<const void*>(w.data));
  if (address % size_of(w.type) == 0) return at::from_blob(data, w.shape, type);
  auto size = static_cast<std::int64_t>(size_of(w.type)) * c10::multiply_integers(w.shape);
  auto bytes = at::from_blob(data, at::IntArrayRef{size}, at::kByte);
  return bytes.clone().view(type).view(w.shape);
}

at::Tensor plan_materials::exact(plan::weight x) const { return stored(x).to(at::kFloat); }

at::Tensor plan_materials::kept(at::Tensor x) {
  kept_ += static_cast<std::uint64_t>(x.numel()) * x.element_size();
  return x;
}

at::Tensor plan_materials::copied(const at::Tensor& x) {
  return kept(x.to(x.options().dtype(type_).device(device_), false, true));
}

at::Tensor plan_materials::small(plan::weight x) {
  auto there = stored(x);
  return owns() || there.scalar_type() != type_ ? copied(there) : there;
}

std::function<at::Tensor()> plan_materials::large(plan::weight x) {
  auto there = stored(x);
  if (owns()) return [y = copied(there)] { return y; };
  return [there, type = type_] { return there.to(type); };
}

std::int64_t plan_materials::usual_rows(plan::slot x, std::int64_t width) const {
  return usual_batch * c10::multiply_integers(shape_of(x)) / width;
}

bool plan_materials::feeds_linear_steps_only(plan::slot x) const {
  if (x == plan().output) return false;
  for (const auto& step : plan().steps) {
    auto layer = std::get_if<plan::linear>(&step);
    if (layer && layer->in == x && layer->residual != x) continue;
    for (auto in : plan::inputs_of(step))
      if (in == x) return false;
  }
  return true;
}

} // namespace vef
