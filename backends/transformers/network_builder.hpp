#pragma once

#include <vef/backends/transformers/plan.hpp>
#include <vef/backends/transformers/weights.hpp>
#include <vef/messages/errors.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace vef {

/// What a plan is made for.
struct network_options {
  std::int64_t height = 224; ///< of the pictures, after their preparation
  std::int64_t width = 224;
  bool interpolate = false; ///< take another size than the model was trained for, where the family can
  std::string output = {};  ///< by its name; empty: the family's own choice
};

/// Makes the plan of a network, step by step, and checks it against the tensors of a checkpoint. What is
/// wrong is gathered: afterwards `finish` gives the plan, or one error that lists the tensors that are
/// missing, those of another shape, and those that nobody asked for.
///
/// A tensor is called by its name in the checkpoint; the functions that make layers take the name that its
/// parts share: "encoder.layers.0.layer_norm1" has a ".weight" and a ".bias".
class network_builder {
public:
  using slot = plan::slot;
  using weight = plan::weight;
  using shape = plan::shape;
  using activation = plan::activation;
  using tensors = std::map<std::string, weight_view>;

  network_builder(const tensors& there, network_options options);

  const network_options& options() const { return options_; }

  // -- tensors ----------------------------------------------------------------------------------------------

  /// The part of every name that `take` and the layers below put in front.
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  const std::string& prefix() const { return prefix_; }

  /// The first of these prefixes with which a tensor `name` exists; the first of all if none does.
  std::string prefix_of(std::string_view name, const std::vector<std::string>& prefixes) const;

  bool has(const std::string& name) const { return there_.contains(prefix_ + name); }
  shape shape_of(const std::string& name) const; ///< empty where there is none

  /// The tensor of that name, which must have that shape.
  weight take(const std::string& name, const shape& wanted);

  /// Of a tensor of the shape `whole` the elements from `first` on that make up a `part`.
  weight take_part(const std::string& name, const shape& whole, const shape& part, std::int64_t first);

  /// What is computed from it.
  weight take_derived(const std::string& name, const shape& stored, const shape& derived,
                      std::function<std::vector<float>(const std::vector<float>&)> derive);

  plan::projection take_projection(const std::string& name, std::int64_t out, std::int64_t in,
                                   bool bias = true);

  /// Tensors that are of no use here. A star at the begin or the end stands for anything.
  void ignore(const std::vector<std::string>& patterns);

  // -- steps ------------------------------------------------------------------------------------------------

  slot picture() const { return {0}; }
  const shape& operator[](slot x) const { return plan_.slots[x.index]; }

  slot add(plan::convolution x, std::int64_t channels, std::array<std::int64_t, 2> kernel);
  slot add(plan::linear x, std::int64_t width);
  slot add(plan::layer_norm x);
  slot add(plan::attention x);
  slot add(plan::token_list x);
  slot add(plan::pool x);
  slot add(plan::select x);
  slot add(plan::concatenate x);
  slot add(plan::gate x);
  slot add(plan::response_norm x);
  slot add(plan::squeeze_excite x);
  slot add(plan::max_pool x);
  slot add(plan::windows x);
  slot add(plan::merge_patches x);

  /// Zeros at the right and the bottom of a map until its sides are multiples.
  slot pad_to_multiple(slot x, std::int64_t of);

  /// A map as tokens.
  slot as_tokens(slot x);

  /// Tokens as a map.
  slot as_map(slot x, std::int64_t height, std::int64_t width);

  slot linear(slot in, const std::string& name, std::int64_t width, activation after = activation::none,
              std::optional<slot> residual = {});
  slot layer_norm(slot in, const std::string& name, double epsilon);

  // -- outputs ----------------------------------------------------------------------------------------------

  /// A vector that the model gives under this name, most conventional first. `normalized`: people divide it
  /// by its length.
  void output(const std::string& name, slot x, bool normalized = false);

  void refuse(errc code, const std::string& what);
  bool failed() const { return static_cast<bool>(problem_); }

  struct finished {
    network_plan plan;
    std::string output;
    std::vector<std::string> outputs; ///< all that can be asked for
    bool normalized = false;
    std::int64_t dim = 0;
  };

  /// The plan for the output that the options ask for, without the steps that do not lead to it. Errors:
  /// corrupt_model for tensors, invalid_argument for an output that is none, and what a family refused.
  result<finished> finish();

private:
  struct named_output {
    std::string name;
    slot where;
    bool normalized = false;
  };

  slot new_slot(shape x);
  weight new_weight(plan_weight x, const std::string& key);
  void check(const std::string& name, const shape& wanted);
  bool needs(bool holds, const std::string& what);
  std::vector<std::string> left_over() const;
  error problem_with_tensors() const;
  void drop_unused_steps();

  const tensors& there_;
  network_options options_;
  std::string prefix_;
  network_plan plan_;
  std::map<std::string, weight> known_; ///< what was taken
  std::set<std::string> used_;          ///< names of the checkpoint
  std::vector<std::string> ignored_;
  std::vector<std::string> missing_, different_;
  std::vector<named_output> outputs_;
  error problem_;
};

/// "[768, 3, 32, 32]"
std::string shape_text(const plan::shape& x);

} // namespace vef
