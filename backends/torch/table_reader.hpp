#pragma once

#include <vef/backends/torch/document.hpp>
#include <vef/messages/suggest.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace vef {

/// Reads a table of a document key by key. The first thing that is wrong is kept, and everything after it is
/// void: so that who uses it states what a description is, without a branch for each way to get it wrong.
class table_reader {
public:
  table_reader(const document& table, std::string path, error& problem, std::vector<std::string> keys)
      : table_(table)
      , path_(std::move(path))
      , problem_(problem) {
    auto entries = std::get_if<document::table>(&table.value);
    if (!entries) {
      refuse(table.where, vef::quoted(path_) + " must be a table, not " + std::string{table.kind()});
      return;
    }
    for (const auto& x : *entries) {
      if (std::ranges::find(keys, x.key) == keys.end())
        refuse(x.where, unknown("key", name(x.key), named(keys)));
    }
  }

  bool has(std::string_view key) const { return table_.find(key) != nullptr; }

  std::string where(std::string_view key) const {
    auto x = table_.find(key);
    return x ? x->where : table_.where;
  }

  void refuse(const std::string& place, const std::string& what) {
    if (!problem_) problem_ = {errc::invalid_config, place + ": " + what};
  }

  // "'output.dim' must be ..."
  void must_be(std::string_view key, const std::string& what) {
    auto x = table_.find(key);
    if (x)
      refuse(x->where, vef::quoted(name(key)) + " must be " + what + shown(*x));
    else
      refuse(table_.where, "the key " + vef::quoted(name(key)) + " is missing: " + what);
  }

  std::string string(std::string_view key, const std::string& what) {
    auto x = table_.find(key);
    auto found = x ? std::get_if<std::string>(&x->value) : nullptr;
    if (found && !found->empty() && found->find('\0') == found->npos) return *found;
    must_be(key, what);
    return {};
  }

  std::string string_or(std::string_view key, std::string otherwise) {
    return has(key) ? string(key, "a text") : std::move(otherwise);
  }

  bool boolean_or(std::string_view key, bool otherwise) {
    auto x = table_.find(key);
    if (!x) return otherwise;
    if (auto found = std::get_if<bool>(&x->value)) return *found;
    must_be(key, "true or false");
    return otherwise;
  }

  std::uint32_t whole(std::string_view key, std::int64_t least, std::int64_t most) {
    auto x = table_.find(key);
    auto found = x ? std::get_if<std::int64_t>(&x->value) : nullptr;
    if (found && *found >= least && *found <= most) return static_cast<std::uint32_t>(*found);
    must_be(key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return static_cast<std::uint32_t>(least);
  }

  double number(std::string_view key) {
    auto x = table_.find(key);
    if (auto value = x ? as_number(*x) : std::nullopt) return *value;
    must_be(key, "a number");
    return 1;
  }

  std::array<float, 3> three(std::string_view key) {
    std::array<float, 3> out{1, 1, 1};
    auto x = table_.find(key);
    auto items = x ? std::get_if<document::array>(&x->value) : nullptr;
    auto good = items && items->size() == 3;
    for (std::size_t i = 0; good && i < 3; ++i) {
      auto value = as_number((*items)[i]);
      good = value && std::isfinite(*value);
      if (good) out[i] = static_cast<float>(*value);
    }
    if (!good) must_be(key, "a list of three numbers, in the order of 'input.channels'");
    return out;
  }

  // [width, height]
  std::array<std::uint32_t, 2> size(std::string_view key) {
    auto x = table_.find(key);
    auto items = x ? std::get_if<document::array>(&x->value) : nullptr;
    std::array<std::uint32_t, 2> out{1, 1};
    auto good = items && items->size() == 2;
    for (std::size_t i = 0; good && i < 2; ++i) {
      auto side = std::get_if<std::int64_t>(&(*items)[i].value);
      good = side && *side >= 1 && *side <= largest_side;
      if (good) out[i] = static_cast<std::uint32_t>(*side);
    }
    if (!good) must_be(key, "[width, height], whole numbers from 1 to " + std::to_string(largest_side));
    return out;
  }

  template <class T>
  T one_of(std::string_view key, const std::vector<std::pair<std::string, T>>& choices,
           std::optional<T> otherwise = {}) {
    if (otherwise && !has(key)) return *otherwise;
    std::vector<std::string> words;
    std::string list;
    for (const auto& [word, value] : choices) {
      words.push_back(word);
      list += (list.empty() ? "" : ", ") + vef::quoted(word);
    }
    auto word = string(key, "one of " + list);
    auto found = std::ranges::find(choices, word, &std::pair<std::string, T>::first);
    if (found != choices.end()) return found->second;
    if (has(key))
      refuse(where(key), vef::quoted(name(key)) + ": " + unknown("word", word, words) + ", one of " + list);
    return choices.front().second;
  }

  // A table within; an empty one where it is missing, which is an error unless it may be.
  table_reader inner(std::string_view key, std::vector<std::string> keys, const std::string& what) {
    auto x = table_.find(key);
    if (!x) must_be(key, what);
    static const document nothing{.value = document::table{}, .where = {}};
    return {x ? *x : nothing, name(key), problem_, std::move(keys)};
  }

  static constexpr std::int64_t largest_side = 16384;

private:
  std::string name(std::string_view key) const {
    return path_.empty() ? std::string{key} : path_ + '.' + std::string{key};
  }

  std::vector<std::string> named(std::vector<std::string> keys) const {
    for (auto& key : keys) key = name(key);
    return keys;
  }

  static std::optional<double> as_number(const document& x) {
    if (auto i = std::get_if<std::int64_t>(&x.value)) return static_cast<double>(*i);
    if (auto d = std::get_if<double>(&x.value)) return *d;
    return {};
  }

  // ", not ...", as far as it fits into a sentence.
  static std::string shown(const document& x) {
    if (auto i = std::get_if<std::int64_t>(&x.value)) return ", not " + std::to_string(*i);
    if (auto s = std::get_if<std::string>(&x.value))
      return s->empty() ? ", not empty" : ", not the text " + vef::quoted(s->substr(0, 40));
    if (auto a = std::get_if<document::array>(&x.value))
      return ", not a list of " + std::to_string(a->size());
    return ", not " + std::string{x.kind()};
  }

  const document& table_;
  std::string path_;
  error& problem_;
};

} // namespace vef
