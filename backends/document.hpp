#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace vef {

/// A value of a settings file (a model's description, a list of services), from TOML or JSON alike, that
/// knows where it stands.
struct document {
  struct entry;
  using array = std::vector<document>;
  using table = std::vector<entry>;

  /// `monostate` is what no setting needs: a date, null.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, array, table> value = {};
  std::string where = {}; ///< FILE:LINE:COLUMN, or FILE where the format does not say

  /// The value under a key of a table; nullptr where there is none.
  const document* find(std::string_view key) const;

  /// "a table", "a whole number": what it is, for people.
  std::string_view kind() const;
};

struct document::entry {
  std::string key;
  std::string where; ///< of the key
  document value;
};

/// Reads a .toml or .json file whose outermost value is a table. Errors: invalid_config, with
/// FILE:LINE:COLUMN where the syntax is wrong; a file of more than `most` bytes, or nested deeper than 16
/// levels, is refused as well.
result<document> read_document(const std::filesystem::path& file, std::size_t most = 1 << 20);

/// A path as it stands at the head of a message: without quotes, but with control characters escaped.
std::string place(const std::filesystem::path& file);

} // namespace vef
