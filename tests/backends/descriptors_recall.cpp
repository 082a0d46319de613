#include "descriptors_copies.hpp"
#include "descriptors_phash.hpp"
#include "descriptors_support.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

using namespace vef;
using namespace vef::test;

namespace {

std::vector<pixels> photos(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  for (const auto& x : std::filesystem::directory_iterator{folder}) files.push_back(x.path().string());
  std::sort(files.begin(), files.end());
  std::vector<pixels> all;
  for (const auto& x : files) all.push_back(decode(x).value());
  return all;
}

// How often a search finds the photograph that a copy was made from.
struct score {
  double found = 0;
  std::size_t searches = 0;
  void count(double x) { found += x, ++searches; }
  double recall() const { return found / static_cast<double>(searches); }
};

// Whether `right` is among the nearest of the index; a tie counts as its share of them.
double found(const std::vector<float>& distances, std::size_t right) {
  auto nearest = *std::min_element(distances.begin(), distances.end());
  if (distances[right] > nearest) return 0;
  return 1.0 / static_cast<double>(std::count(distances.begin(), distances.end(), nearest));
}

// A way to search: what it keeps of the photographs, and how far a copy is from each.
class method {
public:
  virtual ~method() = default;
  virtual void add(const pixels& photo) = 0;
  virtual std::vector<float> distances(const pixels& copy) const = 0;
};

class by_descriptor : public method {
public:
  explicit by_descriptor(const std::string& id)
      : model_(id) {}

  void add(const pixels& photo) override { index_.push_back(model_.describe(photo)); }

  std::vector<float> distances(const pixels& copy) const override {
    std::vector<float> out;
    auto mine = model_.describe(copy);
    for (const auto& x : index_) out.push_back(-cosine(mine, x));
    return out;
  }

  const vectors& index() const { return index_; }

private:
  described_model model_;
  vectors index_;
};

class by_hash : public method {
public:
  void add(const pixels& photo) override { index_.push_back(perceptual_hash(photo)); }

  std::vector<float> distances(const pixels& copy) const override {
    std::vector<float> out;
    auto mine = perceptual_hash(copy);
    for (const auto& x : index_) out.push_back(static_cast<float>((mine ^ x).count()));
    return out;
  }

private:
  std::vector<std::bitset<64>> index_;
};

float median(std::vector<float> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

std::vector<float> unrelated_cosines(const vectors& index) {
  std::vector<float> out;
  for (std::size_t i = 0; i < index.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) out.push_back(cosine(index[i], index[k]));
  return out;
}

void print(const std::string& kind, const std::string& degree, const score& small, const score& large,
           const score& hash) {
  std::printf("%-13s %-25s %7.4f %7.4f %7.4f\n", kind.c_str(), degree.c_str(), small.recall(), large.recall(),
              hash.recall());
}

} // namespace

TEST_CASE("descriptors find the original of a changed copy more often than a perceptual hash") {
  auto folder = shared_dir() / "data/images/photos";
  VEF_NEEDS(folder);
  auto originals = photos(folder);
  REQUIRE(originals.size() == 160);

  by_descriptor small{"descriptors-small"}, large{"descriptors-large"};
  by_hash hash;
  for (const auto& x : originals)
    for (method* m :
         {static_cast<method*>(&small), static_cast<method*>(&large), static_cast<method*>(&hash)})
      m->add(x);

  struct row {
    score small, large, hash;
  };
  std::map<std::string, row> kinds;
  std::vector<float> small_copies, large_copies;
  std::printf("%-39s %7s %7s %7s\n", "recall@1 of changed copies", "small", "large", "pHash");
  for (const auto& change : changes()) {
    row here;
    auto& kind = kinds[change.kind];
    for (std::size_t i = 0; i < originals.size(); ++i) {
      auto copy = change.make(originals[i]);
      auto from_small = small.distances(copy), from_large = large.distances(copy),
           from_hash = hash.distances(copy);
      small_copies.push_back(-from_small[i]);
      large_copies.push_back(-from_large[i]);
      for (auto* x : {&here, &kind}) {
        x->small.count(found(from_small, i));
        x->large.count(found(from_large, i));
        x->hash.count(found(from_hash, i));
      }
    }
    print(change.kind, change.degree, here.small, here.large, here.hash);
  }

  std::printf("\n");
  for (const auto& [kind, x] : kinds) print(kind, "all", x.small, x.large, x.hash);
  auto small_unrelated = median(unrelated_cosines(small.index())),
       large_unrelated = median(unrelated_cosines(large.index()));
  std::printf("\nmedian cosine %-25s %7.4f %7.4f\n", "of unrelated photos", small_unrelated, large_unrelated);
  std::printf("median cosine %-25s %7.4f %7.4f\n", "of changed copies", median(small_copies),
              median(large_copies));

  for (const auto& [kind, x] : kinds) {
    INFO(kind);
    CHECK(x.hash.recall() < 1); // or else the changes would be too slight to tell them apart
    CHECK(x.small.recall() > x.hash.recall());
    CHECK(x.large.recall() > x.hash.recall());
  }
  for (auto kind : {"resized", "recompressed"}) {
    CHECK(kinds[kind].small.recall() >= 0.99);
    CHECK(kinds[kind].large.recall() >= 0.99);
  }
  CHECK(small_unrelated < 0.5f);
  CHECK(large_unrelated < 0.5f);
  CHECK(median(small_copies) > 0.8f);
  CHECK(median(large_copies) > 0.8f);
}
