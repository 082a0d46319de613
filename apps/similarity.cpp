#include <vef/apps/similarity.hpp>

#include <vef/apps/dot.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <thread>

namespace vef {

namespace {

constexpr std::size_t block_rows = 64; // rows that stay in the cache while others are held against them

// 1 / length; 0 for a vector without direction, which is then similar to nothing.
float inverse_length(std::span<const float> x) {
  auto length = std::sqrt(dot(x.data(), x.data(), x.size()));
  return length > 0 && std::isfinite(length) ? 1 / length : 0;
}

std::vector<float> inverse_lengths(const vector_block& block) {
  std::vector<float> out(block.rows);
  for (std::size_t i = 0; i < block.rows; ++i) out[i] = inverse_length(block.row(i));
  return out;
}

bool better(const match& a, const match& b) {
  return a.similarity > b.similarity || (a.similarity == b.similarity && a.row < b.row);
}

/// The best k of all that are offered, as a heap whose top is the worst of them.
class best {
public:
  explicit best(std::size_t k)
      : k_(k) {}

  void offer(match x) {
    if (std::isnan(x.similarity) || k_ == 0) return;
    if (heap_.size() == k_) {
      if (!better(x, heap_.front())) return;
      std::ranges::pop_heap(heap_, better);
      heap_.back() = x;
    } else {
      heap_.push_back(x);
    }
    std::ranges::push_heap(heap_, better);
  }

  std::vector<match> take() {
    std::ranges::sort_heap(heap_, better);
    return std::move(heap_);
  }

private:
  std::size_t k_;
  std::vector<match> heap_;
};

// Calls work(part) for all parts, each once, on several threads.
template <class Work> void in_parallel(std::size_t parts, unsigned threads, Work work) {
  std::atomic<std::size_t> next = 0;
  auto run = [&] {
    for (auto part = next++; part < parts; part = next++) work(part);
  };
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < std::min<std::size_t>(threads, parts); ++i) others.emplace_back(run);
  run();
}

std::size_t blocks_of(const vector_block& block) { return (block.rows + block_rows - 1) / block_rows; }

// Calls visit(i, j, cosine) for the rows i of one block and all rows j from `first` on.
template <class Visit>
void compare(const vector_block& block, const std::vector<float>& inverse, std::size_t part,
             std::size_t first, Visit visit) {
  auto begin = part * block_rows, end = std::min(begin + block_rows, block.rows);
  for (auto j = first; j < block.rows; ++j) {
    auto other = block.row(j).data();
    auto i = begin;
    for (; i + 4 <= end; i += 4) {
      auto four = dot4(
          {block.row(i).data(), block.row(i + 1).data(), block.row(i + 2).data(), block.row(i + 3).data()},
          other, block.dim);
      for (std::size_t k = 0; k < 4; ++k) visit(i + k, j, four[k] * inverse[i + k] * inverse[j]);
    }
    for (; i < end; ++i) visit(i, j, dot(block.row(i).data(), other, block.dim) * inverse[i] * inverse[j]);
  }
}

/// Sets that grow together: union-find with path halving.
class disjoint_sets {
public:
  explicit disjoint_sets(std::size_t n)
      : parent_(n) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }

  std::size_t find(std::size_t x) {
    while (parent_[x] != x) x = parent_[x] = parent_[parent_[x]];
    return x;
  }

  // The lower number stands for the set.
  void join(std::size_t a, std::size_t b) {
    a = find(a), b = find(b);
    if (a != b) parent_[std::max(a, b)] = std::min(a, b);
  }

private:
  std::vector<std::size_t> parent_;
};

} // namespace

float cosine(std::span<const float> a, std::span<const float> b) {
  return dot(a.data(), b.data(), std::min(a.size(), b.size())) * inverse_length(a) * inverse_length(b);
}

std::vector<match> most_similar(const vector_block& block, std::span<const float> vector, std::size_t k,
                                unsigned threads) {
  auto own = inverse_length(vector);
  best all{k};
  std::mutex mutex;
  in_parallel(blocks_of(block), threads, [&](std::size_t part) {
    best mine{k};
    auto end = std::min((part + 1) * block_rows, block.rows);
    for (auto i = part * block_rows; i < end; ++i)
      mine.offer(
          {i, dot(block.row(i).data(), vector.data(), block.dim) * inverse_length(block.row(i)) * own});
    std::lock_guard lock{mutex};
    for (const auto& x : mine.take()) all.offer(x);
  });
  return all.take();
}

std::vector<std::vector<match>> nearest_neighbours(const vector_block& block, std::size_t k,
                                                   unsigned threads) {
  auto inverse = inverse_lengths(block);
  std::vector<std::vector<match>> out(block.rows);
  in_parallel(blocks_of(block), threads, [&](std::size_t part) {
    auto begin = part * block_rows;
    std::vector<best> found(std::min(block_rows, block.rows - begin), best{k});
    compare(block, inverse, part, 0, [&](std::size_t i, std::size_t j, float similarity) {
      if (i != j) found[i - begin].offer({j, similarity});
    });
    for (std::size_t i = 0; i < found.size(); ++i) out[begin + i] = found[i].take();
  });
  return out;
}

std::vector<std::vector<std::size_t>> similar_groups(const vector_block& block, float threshold,
                                                     unsigned threads) {
  auto inverse = inverse_lengths(block);
  disjoint_sets sets{block.rows};
  std::mutex mutex;
  in_parallel(blocks_of(block), threads, [&](std::size_t part) {
    compare(block, inverse, part, part * block_rows, [&](std::size_t i, std::size_t j, float similarity) {
      if (i >= j || !(similarity >= threshold)) return;
      std::lock_guard lock{mutex};
      sets.join(i, j);
    });
  });
  std::vector<std::vector<std::size_t>> members(block.rows), out;
  for (std::size_t i = 0; i < block.rows; ++i) members[sets.find(i)].push_back(i);
  for (auto& group : members)
    if (group.size() > 1) out.push_back(std::move(group));
  return out;
}

} // namespace vef
