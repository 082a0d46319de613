#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace vef {

/// Vectors in memory, row after row. Does not own them.
struct vector_block {
  const float* data = nullptr;
  std::size_t rows = 0;
  std::size_t dim = 0;

  std::span<const float> row(std::size_t i) const { return {data + i * dim, dim}; }
};

/// A row, and the cosine of the angle between it and what was asked for: 1 is the same direction.
struct match {
  std::size_t row = 0;
  float similarity = 0;

  bool operator==(const match&) const = default;
};

/// The k rows most similar to a vector of the same length, best first; among equals, the earlier row first.
/// Exact.
std::vector<match> most_similar(const vector_block& block, std::span<const float> vector, std::size_t k,
                                unsigned threads);

/// The same for each row, itself left out.
std::vector<std::vector<match>> nearest_neighbours(const vector_block& block, std::size_t k,
                                                   unsigned threads);

/// Groups of rows that are linked by similarities of at least `threshold`, two rows or more each: in the
/// order of their first rows, which are in order too.
std::vector<std::vector<std::size_t>> similar_groups(const vector_block& block, float threshold,
                                                     unsigned threads);

/// Cosine of the angle between two vectors; 0 where one has no direction.
float cosine(std::span<const float> a, std::span<const float> b);

} // namespace vef
