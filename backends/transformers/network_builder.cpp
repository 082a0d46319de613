#include <vef/backends/transformers/network_builder.hpp>

#include <vef/messages/suggest.hpp>

#include <algorithm>

namespace vef {

using plan::shape;
using plan::slot;
using plan::weight;

namespace {

constexpr std::size_t listed = 8; ///< of many tensors an error names so many

std::string list(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), listed); ++i) out += (i ? ", " : "") + names[i];
  if (names.size() > listed) out += " and " + std::to_string(names.size() - listed) + " more";
  return out;
}

bool matches(std::string_view name, std::string_view pattern) {
  if (pattern.starts_with('*')) return name.ends_with(pattern.substr(1));
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name == pattern;
}

// Short names that mean the same with every family.
bool is_called(std::string_view name, std::string_view asked) {
  if (asked == "pooler") return name == "pooler_output";
  if (asked == "mean") return name == "mean_patch" || name == "mean_tokens";
  if (asked == "projection") return name == "image_embeds";
  return name == asked;
}

bool is_float(dtype x) { return x == dtype::f32 || x == dtype::f16 || x == dtype::bf16; }

} // namespace

std::string shape_text(const shape& x) {
  std::string out = "[";
  for (auto n : x) out += (out.size() > 1 ? ", " : "") + std::to_string(n);
  return out + "]";
}

network_builder::network_builder(const tensors& there, network_options options)
    : there_(there)
    , options_(std::move(options)) {
  new_slot({3, options_.height, options_.width});
}

void network_builder::refuse(errc code, const std::string& what) {
  if (!problem_) problem_ = {code, what};
}

// -- tensors ------------------------------------------------------------------------------------------------

std::string network_builder::prefix_of(std::string_view name,
                                       const std::vector<std::string>& prefixes) const {
  for (const auto& x : prefixes)
    if (there_.contains(x + std::string{name})) return x;
  return prefixes.front();
}

shape network_builder::shape_of(const std::string& name) const {
  auto found = there_.find(prefix_ + name);
  return found == there_.end() ? shape{} : found->second.shape;
}

void network_builder::check(const std::string& name, const shape& wanted) {
  if (!used_.insert(name).second) return;
  auto found = there_.find(name);
  if (found == there_.end()) return missing_.push_back(vef::quoted(name) + " " + shape_text(wanted));
  const auto& x = found->second;
  if (x.shape != wanted)
    different_.push_back(vef::quoted(name) + " is " + shape_text(x.shape) + ", expected "
                         + shape_text(wanted));
  else if (!is_float(x.type))
    different_.push_back(vef::quoted(name) + " is of type " + std::string{to_string(x.type)}
                         + ", expected float32, float16 or bfloat16");
}

weight network_builder::new_weight(plan_weight x, const std::string& key) {
  auto [found, is_new] = known_.try_emplace(key, weight{static_cast<std::uint32_t>(plan_.weights.size())});
  if (is_new) plan_.weights.push_back(std::move(x));
  return found->second;
}

weight network_builder::take(const std::string& name, const shape& wanted) {
  auto full = prefix_ + name;
  check(full, wanted);
  return new_weight({full, wanted}, full);
}

weight network_builder::take_part(const std::string& name, const shape& whole, const shape& part,
                                  std::int64_t first) {
  auto full = prefix_ + name;
  check(full, whole);
  return new_weight({full, part, static_cast<std::uint64_t>(first)}, full + "#" + std::to_string(first));
}

weight network_builder::take_derived(const std::string& name, const shape& stored, const shape& derived,
                                     std::function<std::vector<float>(const std::vector<float>&)> derive) {
  auto full = prefix_ + name;
  check(full, stored);
  return new_weight({full, derived, 0, std::move(derive)}, full + "#" + std::to_string(plan_.weights.size()));
}

plan::projection network_builder::take_projection(const std::string& name, std::int64_t out, std::int64_t in,
                                                  bool bias) {
  plan::projection x{take(name + ".weight", {out, in})};
  if (bias) x.bias = take(name + ".bias", {out});
  return x;
}

void network_builder::ignore(const std::vector<std::string>& patterns) {
  ignored_.insert(ignored_.end(), patterns.begin(), patterns.end());
}

// -- outputs ------------------------------------------------------------------------------------------------

void network_builder::output(const std::string& name, slot x, bool normalized) {
  outputs_.push_back({name, x, normalized});
}

std::vector<std::string> network_builder::left_over() const {
  std::vector<std::string> out;
  for (const auto& [name, x] : there_) {
    auto fits = [&](const std::string& pattern) { return matches(name, pattern); };
    if (!used_.contains(name) && std::ranges::none_of(ignored_, fits)) out.push_back(vef::quoted(name));
  }
  return out;
}

error network_builder::problem_with_tensors() const {
  auto left = left_over();
  std::string what;
  auto say = [&](const char* how, const std::vector<std::string>& names) {
    if (!names.empty()) what += (what.empty() ? "" : "; ") + std::string{how} + list(names);
  };
  say("missing: ", missing_);
  say("of another shape or type: ", different_);
  say("unexpected: ", left);
  if (what.empty()) return {};
  return {errc::corrupt_model, "the tensors do not fit the config: " + what};
}

result<network_builder::finished> network_builder::finish() {
  if (problem_) return fail(problem_);
  if (auto x = problem_with_tensors()) return fail(x);
  finished out;
  for (const auto& x : outputs_) out.outputs.push_back(x.name);
  auto chosen = outputs_.begin();
  if (!options_.output.empty())
    chosen = std::ranges::find_if(outputs_,
                                  [&](const named_output& x) { return is_called(x.name, options_.output); });
  if (chosen == outputs_.end())
    return fail(errc::invalid_argument,
                unknown("output", options_.output, out.outputs) + " (it gives " + list(out.outputs) + ")");
  plan_.output = chosen->where;
  drop_unused_steps();
  out.output = chosen->name;
  out.normalized = chosen->normalized;
  out.dim = (*this)[plan_.output].back();
  out.plan = std::move(plan_);
  return out;
}

void network_builder::drop_unused_steps() {
  std::vector<bool> wanted(plan_.slots.size());
  wanted[plan_.output.index] = true;
  std::vector<plan::step> kept;
  for (auto step = plan_.steps.rbegin(); step != plan_.steps.rend(); ++step) {
    if (!wanted[plan::output_of(*step).index]) continue;
    for (auto x : plan::inputs_of(*step)) wanted[x.index] = true;
    kept.push_back(std::move(*step));
  }
  std::ranges::reverse(kept);
  plan_.steps = std::move(kept);
}

} // namespace vef
