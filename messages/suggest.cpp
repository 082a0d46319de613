#include <vef/messages/suggest.hpp>

#include <vef/messages/errors.hpp>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <vector>

namespace vef {

namespace {

// How many letters must be changed, added, left out or swapped with their neighbour (optimal string
// alignment: Damerau's distance without a second change of a swapped pair), case ignored.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  auto same = [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  };
  std::vector<std::size_t> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      next[j] = std::min({row[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1), row[j] + 1, next[j - 1] + 1});
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before.swap(row);
    row.swap(next);
  }
  return row.back();
}

} // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::string* best = nullptr;
  std::size_t distance = 0;
  for (const auto& candidate : candidates) {
    // A word cut short is a likelier slip than its edit distance says.
    auto d = !word.empty() && candidate.starts_with(word) ? 1 : edit_distance(word, candidate);
    if (!best || d < distance) best = &candidate, distance = d;
  }
  return best && distance <= std::max<std::size_t>(1, word.size() / 3) ? *best : std::string{};
}

std::string unknown(std::string_view kind, std::string_view word, std::span<const std::string> candidates) {
  auto text = "unknown " + std::string{kind} + ' ' + quoted(word);
  if (candidates.empty()) return text + "; there is none at all";
  if (auto near = nearest(word, candidates); !near.empty()) text += "; did you mean " + quoted(near) + '?';
  return text;
}

} // namespace vef
