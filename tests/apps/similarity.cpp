#include "support/catch.hpp"

#include <vef/apps/scenes.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace vef;

namespace {

std::vector<float> random_numbers(std::size_t n) {
  std::mt19937 random{7};
  std::normal_distribution<float> normal;
  std::vector<float> out(n);
  for (auto& x : out) x = normal(random);
  return out;
}

double plain_cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

std::vector<match> plain_neighbours(const vector_block& x, std::size_t row, std::size_t k) {
  std::vector<match> all;
  for (std::size_t j = 0; j < x.rows; ++j)
    if (j != row) all.push_back({j, static_cast<float>(plain_cosine(x.row(row), x.row(j)))});
  std::ranges::stable_sort(all, std::ranges::greater{}, &match::similarity);
  all.resize(std::min(k, all.size()));
  return all;
}

} // namespace

TEST_CASE("neighbours are those of an exhaustive search whatever the threads") {
  for (std::size_t dim : {1u, 5u, 16u, 37u}) {
    auto numbers = random_numbers(150 * dim);
    vector_block block{numbers.data(), 150, dim};
    for (unsigned threads : {1u, 3u}) {
      auto found = nearest_neighbours(block, 4, threads);
      REQUIRE(found.size() == 150);
      for (std::size_t i = 0; i < 150; i += 7) {
        auto plain = plain_neighbours(block, i, 4);
        REQUIRE(found[i].size() == 4);
        for (std::size_t n = 0; n < 4; ++n)
          CHECK(found[i][n].similarity == Approx(plain[n].similarity).margin(1e-5));
      }
    }
  }
}

TEST_CASE("most similar rows come best first and equals in their order") {
  std::vector<float> numbers{1, 0, 0, 1, 2, 0, 1, 1, -1, 0};
  vector_block block{numbers.data(), 5, 2};
  std::vector<float> asked{3, 0};
  auto found = most_similar(block, asked, 3, 2);
  REQUIRE(found.size() == 3);
  CHECK(found[0].row == 0);
  CHECK(found[1].row == 2);
  CHECK(found[2].row == 3);
  CHECK(found[2].similarity == Approx(std::sqrt(0.5)));
  CHECK(most_similar(block, asked, 100, 2).size() == 5);
  CHECK(most_similar(block, asked, 0, 2).empty());
}

TEST_CASE("vectors without direction are similar to nothing") {
  std::vector<float> numbers{0, 0, 1, 0, std::numeric_limits<float>::quiet_NaN(), 1};
  vector_block block{numbers.data(), 3, 2};
  CHECK(cosine(block.row(0), block.row(1)) == 0);
  auto found = nearest_neighbours(block, 2, 1);
  for (const auto& x : found[1]) CHECK(x.similarity == 0);
  CHECK(similar_groups(block, 0.5f, 1).empty());
}

TEST_CASE("searches of nothing find nothing") {
  vector_block none{nullptr, 0, 8};
  CHECK(nearest_neighbours(none, 3, 4).empty());
  CHECK(similar_groups(none, 0.5f, 4).empty());
}

TEST_CASE("groups join what is linked by others and come in order") {
  auto at = [](double degrees) {
    auto x = degrees * std::acos(-1.0) / 180;
    return std::vector{static_cast<float>(std::cos(x)), static_cast<float>(std::sin(x))};
  };
  std::vector<float> numbers;
  for (auto degrees : {0.0, 90.0, 8.0, 95.0, 16.0, 200.0})
    for (auto x : at(degrees)) numbers.push_back(x);
  auto groups = similar_groups({numbers.data(), 6, 2}, 0.98f, 2); // 11.5 degrees
  CHECK(groups == std::vector<std::vector<std::size_t>>{{0, 2, 4}, {1, 3}});
}

TEST_CASE("groups span blocks of rows") {
  std::vector<float> numbers(500 * 16);
  for (std::size_t i = 0; i < 500; ++i) numbers[i * 16 + i % 5] = 1;
  auto groups = similar_groups({numbers.data(), 500, 16}, 0.9f, 3);
  REQUIRE(groups.size() == 5);
  for (const auto& group : groups) CHECK(group.size() == 100);
}

TEST_CASE("each scene is shown once and the closest first") {
  std::vector<std::vector<match>> found{{{1, 0.90f}, {2, 0.3f}},  {{0, 0.90f}, {2, 0.2f}},
                                        {{3, 0.97f}, {4, 0.96f}}, {{2, 0.97f}, {4, 0.96f}},
                                        {{2, 0.96f}, {3, 0.96f}}, {}};
  CHECK(closest_scenes(found, 10) == std::vector<std::size_t>{2, 0});
  CHECK(closest_scenes(found, 1) == std::vector<std::size_t>{2});
}

TEST_CASE("the folder that paths share ends with its slash") {
  CHECK(common_folder({"/a/bc/x.jpg", "/a/bd/x.jpg"}) == "/a/");
  CHECK(common_folder({"/a/b/x.jpg"}) == "/a/b/");
  CHECK(common_folder({"x.jpg", "y.jpg"}).empty());
  CHECK(common_folder({"ab/x", "ab"}).empty());
  CHECK(common_folder({}).empty());
}
