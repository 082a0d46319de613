#pragma once

#include <vef/backends/torch/engine.hpp>

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace vef {

/// The intermediate results of a pass. A slot is empty before its step and after its last use.
using frame = std::vector<at::Tensor>;

/// One step of a plan, ready to run. Any number of threads may run it, each with a frame of its own.
using action = std::function<void(frame&)>;

/// What steps are made ready with: the weights of a plan, for a tier.
///
/// In the tier `mapped` a weight is used where it lies; one of another type than the network computes in is
/// converted anew for each use, since a copy that stays would be what `packed` is for. In `packed` and
/// `device` everything that a step needs is a copy of its own.
class plan_materials {
public:
  plan_materials(const planned_network& from, vef::tier tier, at::Device device);

  const network_plan& plan() const { return from_.plan; }
  const plan::shape& shape_of(plan::slot x) const { return from_.plan.slots[x.index]; }
  bool packs() const { return tier_ == tier::packed; }
  bool owns() const { return tier_ != tier::mapped; }
  at::ScalarType type() const { return type_; }
  at::Device device() const { return device_; }

  /// A weight as it is stored: a view of the checkpoint.
  at::Tensor stored(plan::weight x) const;

  /// In float32, for arithmetic on weights; a copy where it is stored in another type.
  at::Tensor exact(plan::weight x) const;
  std::optional<at::Tensor> exact(const std::optional<plan::weight>& x) const {
    return x ? std::optional{exact(*x)} : std::nullopt;
  }

  /// A copy in the type of the network, on its device.
  at::Tensor copied(const at::Tensor& x);
  std::optional<at::Tensor> copied(const std::optional<at::Tensor>& x) {
    return x ? std::optional{copied(*x)} : std::nullopt;
  }

  /// A small weight, such as a bias, in the type of the network: a copy where the tier owns or the type
  /// differs.
  at::Tensor small(plan::weight x);
  std::optional<at::Tensor> small(const std::optional<plan::weight>& x) {
    return x ? std::optional{small(*x)} : std::nullopt;
  }

  /// A large weight in any tier, as a function that gives it in the type of the network.
  std::function<at::Tensor()> large(plan::weight x);

  /// Rows that a slot has as a matrix of that width in a batch of the usual size, which weights are laid out
  /// for; any other works as well.
  std::int64_t usual_rows(plan::slot x, std::int64_t width) const;
  static constexpr std::int64_t usual_batch = 8;

  /// Counts a tensor that a step keeps; gives it back.
  at::Tensor kept(at::Tensor x);
  std::uint64_t kept_bytes() const { return kept_; }

  /// What a slot holds is so many times what the plan says. Set by the step that writes it, 1 otherwise; a
  /// linear step divides by it.
  double gain_of(plan::slot x) const { return gains_[x.index]; }
  void set_gain(plan::slot x, double gain) { gains_[x.index] = gain; }

  /// Whether all that read a slot are linear steps, so that it may have a gain.
  bool feeds_linear_steps_only(plan::slot x) const;

  /// Whether the step that is made ready is the last that reads a slot.
  bool is_last_use(plan::slot x) const { return last_use_[x.index] == step_; }
  void next_step() { ++step_; }

private:
  const planned_network& from_;
  vef::tier tier_;
  at::Device device_;
  at::ScalarType type_;
  std::uint64_t kept_ = 0;
  std::vector<double> gains_;
  std::vector<std::size_t> last_use_;
  std::size_t step_ = 0;
};

action prepare_step(const plan::convolution& x, plan_materials& with);
action prepare_step(const plan::linear& x, plan_materials& with);
action prepare_step(const plan::layer_norm& x, plan_materials& with);
action prepare_step(const plan::attention& x, plan_materials& with);
action prepare_step(const plan::token_list& x, plan_materials& with);
action prepare_step(const plan::pool& x, plan_materials& with);
action prepare_step(const plan::select& x, plan_materials& with);
action prepare_step(const plan::concatenate& x, plan_materials& with);
action prepare_step(const plan::gate& x, plan_materials& with);
action prepare_step(const plan::response_norm& x, plan_materials& with);
action prepare_step(const plan::squeeze_excite& x, plan_materials& with);
action prepare_step(const plan::max_pool& x, plan_materials& with);
action prepare_step(const plan::pad& x, plan_materials& with);
action prepare_step(const plan::reshape& x, plan_materials& with);
action prepare_step(const plan::windows& x, plan_materials& with);
action prepare_step(const plan::merge_patches& x, plan_materials& with);

/// A layer y = after(x * transposed matrix + bias) with the matrix as the checkpoint has it.
class ready_linear {
public:
  ready_linear(const plan::projection& x, plan::activation after, plan_materials& with);

  at::Tensor operator()(const at::Tensor& x) const;

private:
  std::function<at::Tensor()> matrix_;
  std::optional<at::Tensor> bias_;
  plan::activation after_;
};

} // namespace vef
