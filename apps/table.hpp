#pragma once

#include <vef/apps/text.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace vef {

enum class column_kind : std::uint8_t {
  word,   ///< to the left, never shortened
  number, ///< to the right, never shortened
  path,   ///< to the left; loses its beginning where the table would be too wide
  prose,  ///< to the left; loses its end where the table would be too wide
};

struct column {
  std::string title;
  column_kind kind = column_kind::word;
};

/// Rows of text under titles, each column as wide as its longest cell.
class table {
public:
  explicit table(std::vector<column> columns)
      : columns_(std::move(columns)) {}

  /// One cell for each column.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const noexcept { return rows_.empty(); }

  /// The lines, in at most `width` columns wherever shortening can achieve that.
  std::string text(std::size_t width = page_width) const;

private:
  std::vector<std::size_t> widths(std::size_t page) const;
  std::string line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const;

  std::vector<column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// The table under a title, with an empty line after it; nothing if it has no rows.
std::string titled(const std::string& title, const table& rows);

} // namespace vef
