#include <vef/apps/table.hpp>

#include <algorithm>
#include <numeric>

namespace vef {

namespace {

constexpr std::size_t between = 2;
constexpr std::size_t narrowest = 8; // that a column is shortened to

std::string cut(const std::string& cell, column_kind kind, std::size_t width) {
  return kind == column_kind::path ? keep_end(cell, width) : keep_start(cell, width);
}

} // namespace

std::vector<std::size_t> table::widths(std::size_t page) const {
  std::vector<std::size_t> out;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    auto widest = display_width(columns_[c].title);
    for (const auto& row : rows_) widest = std::max(widest, display_width(row[c]));
    out.push_back(widest);
  }
  auto total = std::accumulate(out.begin(), out.end(), between * (out.size() - 1));
  while (total > page) {
    // The widest that may be shortened gives a column at a time, so that the long ones end up equal.
    std::size_t* widest = nullptr;
    for (std::size_t c = 0; c < out.size(); ++c) {
      auto elastic = columns_[c].kind == column_kind::path || columns_[c].kind == column_kind::prose;
      auto least = std::max(narrowest, display_width(columns_[c].title));
      if (elastic && out[c] > least && (!widest || out[c] > *widest)) widest = &out[c];
    }
    if (!widest) break;
    --*widest;
    --total;
  }
  return out;
}

std::string table::line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const {
  std::string out;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    auto cell = cut(cells[c], columns_[c].kind, widths[c]);
    std::string space(widths[c] - display_width(cell), ' ');
    if (c > 0) out.append(between, ' ');
    out += columns_[c].kind == column_kind::number ? space + cell : cell + space;
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + '\n';
}

std::string table::text(std::size_t page) const {
  auto fit = widths(page);
  std::vector<std::string> titles;
  for (const auto& x : columns_) titles.push_back(x.title);
  auto untitled = std::ranges::all_of(titles, &std::string::empty);
  auto out = untitled ? std::string{} : line(titles, fit);
  for (const auto& row : rows_) out += line(row, fit);
  return out;
}

std::string titled(const std::string& title, const table& rows) {
  return rows.empty() ? std::string{} : title + '\n' + rows.text() + '\n';
}

} // namespace vef
