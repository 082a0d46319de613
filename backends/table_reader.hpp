#pragma once

#include <vef/backends/document.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vef {

/// Reads a table of a document key by key. The first thing that is wrong is kept, and everything after it is
/// void: so that who uses it states what a settings file is, without a branch for each way to get it wrong.
///
/// The document and the error must outlive it. What is missing or wrong comes out as some valid value, never
/// as what stands there. Names in errors are paths: 'output.dim', 'service[0].name' (counted from 0).
class table_reader {
public:
  /// Any key that is not among `keys` is wrong. `path` is empty for the outermost table.
  table_reader(const document& table, std::string path, error& problem, const std::vector<std::string>& keys);

  /// Any key is allowed: for files of others, whose keys grow from year to year.
  table_reader(const document& table, std::string path, error& problem);

  bool has(std::string_view key) const { return table_.find(key) != nullptr; }

  /// FILE:LINE:COLUMN of the table; of a value, or of the table where it is missing; of an item of a list, or
  /// of what should be the list.
  std::string where() const { return table_.where; }
  std::string where(std::string_view key) const;
  std::string where(std::string_view key, std::size_t item) const;

  void refuse(const std::string& place, const std::string& what);

  /// "'output.dim' must be WHAT, not 0", at its place.
  void must_be(std::string_view key, const std::string& what);

  /// A text that is neither empty nor cut short by a zero byte.
  std::string string(std::string_view key, const std::string& what);
  std::string string_or(std::string_view key, std::string otherwise);

  /// A list of such texts; none where it is missing.
  std::vector<std::string> strings(std::string_view key);

  /// A text, a number, or true or false, as a text. An empty text is one.
  std::string scalar(std::string_view key);

  bool boolean_or(std::string_view key, bool otherwise);

  std::uint32_t whole(std::string_view key, std::int64_t least, std::int64_t most) {
    return static_cast<std::uint32_t>(integer(key, least, most));
  }

  /// Up to what its type holds.
  template <std::integral T>
  T whole_or(std::string_view key, T otherwise, std::int64_t least = std::numeric_limits<T>::min()) {
    return has(key) ? static_cast<T>(integer(key, least, std::numeric_limits<T>::max())) : otherwise;
  }

  double number(std::string_view key);

  /// "200ms", "1.5s", "2min", "1h", or a number of seconds; from 0 to a century. What is not 0 is at least a
  /// millisecond.
  std::chrono::milliseconds duration_or(std::string_view key, std::chrono::milliseconds otherwise);

  /// A list of three numbers; `order` says which is which.
  std::array<float, 3> three(std::string_view key, const std::string& order);

  /// A list of two sides in pixels; `order` says which is which.
  std::array<std::uint32_t, 2> size(std::string_view key, const std::string& order = "[width, height]");

  template <class T>
  T one_of(std::string_view key, const std::vector<std::pair<std::string, T>>& choices,
           std::optional<T> otherwise = {}) {
    if (otherwise && !has(key)) return *otherwise;
    std::vector<std::string> words;
    for (const auto& [word, value] : choices) words.push_back(word);
    auto chosen = choice(key, words);
    auto found = std::ranges::find(choices, chosen, &std::pair<std::string, T>::first);
    return found != choices.end() ? found->second : choices.front().second;
  }

  /// A table within; an empty one where it is missing, which is an error unless it may be.
  table_reader inner(std::string_view key, const std::vector<std::string>& keys, const std::string& what);

  /// A table within whose keys are free: `entries` has them. An empty one where it is missing.
  table_reader inner(std::string_view key);
  const document::table& entries() const;

  /// The tables of a list in their order, such as [[key]] begins one; none where it is missing.
  void each(std::string_view key, const std::vector<std::string>& keys,
            const std::function<void(table_reader&)>& read);

  static constexpr std::int64_t largest_side = 16384;

private:
  std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most);
  std::string choice(std::string_view key, const std::vector<std::string>& words);
  const document::array* list(std::string_view key) const;
  std::string name(std::string_view key) const;

  const document& table_;
  std::string path_;
  error& problem_;
};

} // namespace vef
