#include <vef/backends/transformers/config_reader.hpp>

#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <cmath>

namespace vef {

namespace {

using plan::activation;

const std::vector<std::pair<std::string, activation>>& activations() {
  static const std::vector<std::pair<std::string, activation>> names{
      {"gelu", activation::gelu},
      {"gelu_pytorch_tanh", activation::gelu_tanh},
      {"gelu_new", activation::gelu_tanh},
      {"gelu_fast", activation::gelu_tanh}, // its constant has ten digits of the same number
      {"quick_gelu", activation::quick_gelu},
      {"silu", activation::silu},
      {"swish", activation::silu},
      {"relu", activation::relu},
      {"relu6", activation::relu6},
      {"tanh", activation::tanh},
      {"sigmoid", activation::sigmoid},
      {"hardswish", activation::hardswish},
      {"leaky_relu", activation::leaky_relu},
      {"mish", activation::mish},
      {"linear", activation::none},
  };
  return names;
}

std::string text(double x) {
  char out[32];
  std::snprintf(out, sizeof out, "%g", x);
  return out;
}

std::string between(const std::string& least, const std::string& most) {
  return " from " + least + " to " + most;
}

} // namespace

const document* config_reader::find(std::string_view key) const {
  auto x = config_->find(key);
  return x && !std::holds_alternative<std::monostate>(x->value) ? x : nullptr;
}

bool config_reader::has(std::string_view key) const { return find(key) != nullptr; }

config_reader config_reader::part(std::string_view key) const {
  static const document nothing{.value = document::table{}};
  config_reader out{*this};
  out.path_ = path_ + std::string{key} + '.';
  auto x = find(key);
  if (x && !std::holds_alternative<document::table>(x->value)) {
    config_reader{*this}.must_be(key, "a table");
    x = nullptr;
  }
  out.config_ = x ? x : &nothing;
  return out;
}

void config_reader::refuse(const std::string& what) {
  if (!*problem_) *problem_ = {errc::invalid_config, what};
}

void config_reader::must_be(std::string_view key, const std::string& what) {
  auto x = find(key);
  refuse((x ? x->where + ": " : std::string{}) + "'" + path_ + std::string{key} + "' must be " + what
         + (x ? ", not " + std::string{x->kind()} : ""));
}

std::int64_t config_reader::whole(std::string_view key, std::int64_t otherwise, std::int64_t least,
                                  std::int64_t most) {
  auto x = find(key);
  if (!x) return otherwise;
  auto number = std::get_if<std::int64_t>(&x->value);
  auto what = "a whole number" + between(std::to_string(least), std::to_string(most));
  if (!number)
    must_be(key, what);
  else if (*number < least || *number > most)
    refuse(x->where + ": '" + path_ + std::string{key} + "' must be " + what + ", not "
           + std::to_string(*number));
  else
    return *number;
  return std::clamp(otherwise, least, most);
}

double config_reader::number(std::string_view key, double otherwise, double least, double most) {
  auto x = find(key);
  if (!x) return otherwise;
  auto what = "a number" + between(text(least), text(most));
  double value = 0;
  if (auto real = std::get_if<double>(&x->value))
    value = *real;
  else if (auto whole = std::get_if<std::int64_t>(&x->value))
    value = static_cast<double>(*whole);
  else
    return must_be(key, what), otherwise;
  if (value >= least && value <= most) return value;
  refuse(x->where + ": '" + path_ + std::string{key} + "' must be " + what + ", not " + text(value));
  return otherwise;
}

bool config_reader::flag(std::string_view key, bool otherwise) {
  auto x = find(key);
  if (!x) return otherwise;
  if (auto value = std::get_if<bool>(&x->value)) return *value;
  must_be(key, "true or false");
  return otherwise;
}

std::string config_reader::word(std::string_view key, const std::string& otherwise) {
  auto x = find(key);
  if (!x) return otherwise;
  if (auto value = std::get_if<std::string>(&x->value)) return *value;
  must_be(key, "a text");
  return otherwise;
}

std::vector<std::int64_t> config_reader::wholes(std::string_view key,
                                                const std::vector<std::int64_t>& otherwise,
                                                std::int64_t least, std::int64_t most) {
  auto x = find(key);
  if (!x) return otherwise;
  auto what = "a list of 1 to 64 whole numbers" + between(std::to_string(least), std::to_string(most));
  auto items = std::get_if<document::array>(&x->value);
  std::vector<std::int64_t> out;
  if (!items || items->empty() || items->size() > 64) return must_be(key, what), otherwise;
  for (const auto& item : *items) {
    auto number = std::get_if<std::int64_t>(&item.value);
    if (!number || *number < least || *number > most) {
      refuse(x->where + ": '" + path_ + std::string{key} + "' must be " + what);
      return otherwise;
    }
    out.push_back(*number);
  }
  return out;
}

std::array<std::int64_t, 2> config_reader::sides(std::string_view key, std::int64_t otherwise) {
  constexpr std::int64_t largest = 16384;
  auto x = find(key);
  if (x && std::holds_alternative<document::array>(x->value)) {
    auto two = wholes(key, {otherwise, otherwise}, 1, largest);
    if (two.size() == 2) return {two[0], two[1]};
    must_be(key, "a number, or height and width");
    return {otherwise, otherwise};
  }
  auto side = whole(key, otherwise, 1, largest);
  return {side, side};
}

activation config_reader::activation(std::string_view key, plan::activation otherwise) {
  if (!has(key)) return otherwise;
  auto name = word(key, "gelu");
  for (const auto& [known, value] : activations())
    if (known == name) return value;
  std::vector<std::string> words;
  for (const auto& [known, value] : activations()) words.push_back(known);
  refuse(find(key)->where + ": '" + path_ + std::string{key} + "': " + unknown("activation", name, words));
  return otherwise;
}

} // namespace vef
