// Full-size networks with weights by recipe, and a real checkpoint, from the files of photographs.
#include "parity/transformers_models.hpp"
#include "support/recipe.hpp"
#include "support/scratch.hpp"

using namespace vef;
using namespace vef::test;

namespace {

using json = nlohmann::json;

struct expectation {
  std::vector<std::filesystem::path> pictures;
  npy<float> vectors;
};

void check_vectors(const std::string& name, const std::filesystem::path& folder, const expectation& expected,
                   const tolerance& limit) {
  auto made = make_transformers(folder, {{"normalize", "false"}});
  REQUIRE(made);
  auto info = (*made)->catalog().at(0);
  REQUIRE(info.embed_dim == expected.vectors.row_size());
  std::vector<pixels> prepared;
  for (const auto& file : expected.pictures) {
    auto x = prepare(image{file.string()}, info.prepare);
    REQUIRE(x);
    prepared.push_back(std::move(*x));
  }
  for (auto where : {tier::mapped, tier::packed}) {
    auto model = (*made)->load(info, {.threads = 2, .tier = where});
    REQUIRE(model);
    rows got{prepared.size(), info.embed_dim};
    REQUIRE((*model)->embed(prepared, got.spans(), {.threads = 2}));
    distance sum;
    for (std::size_t i = 0; i < prepared.size(); ++i)
      sum.add(got[i], expected.vectors.row(i), info.embed_dim);
    std::cout << name << ", " << to_string(where) << ": " << text_of(sum) << '\n';
    INFO(to_string(where));
    CHECK(sum.largest < limit.largest);
    CHECK(sum.angle < limit.angle);
  }
}

// Where float32 itself is further from the truth than the usual figures, it is what counts: the angle goes
// with the square of the difference.
tolerance tolerance_of(const std::string& name, const json& own_error) {
  auto out = vef::test::tolerance_of(name);
  out.largest = std::max(out.largest, 3 * own_error.at("max_abs_over_max").get<double>());
  out.angle = std::max(out.angle, 9 * own_error.at("one_minus_cos").get<double>());
  return out;
}

void check_full(const std::string& name) {
  auto full = golden_dir() / "full" / name;
  scratch made;
  auto folder = make_full_checkpoint(full, made.folder() / name);
  auto index = read_json_file(full / "expected/index.json");
  expectation expected;
  for (const auto& row : index.at("rows"))
    expected.pictures.push_back(golden_dir() / "images" / row.at("image").get<std::string>());
  auto usual = index.at("default_embedding").get<std::string>();
  expected.vectors = read_npy<float>(
      full / "expected" / index.at("files").at("embeddings." + usual).at("file").get<std::string>());
  check_vectors(name, folder, expected, tolerance_of(name, index.at("float32_vs_float64")));
}

} // namespace

#define VEF_FULL(name)                                                                                       \
  TEST_CASE("the vectors of the full-size network " name " are the reference's") {                           \
    VEF_NEEDS(golden_dir() / "full" / name);                                                                 \
    check_full(name);                                                                                        \
  }

VEF_FULL("clip-vit-base-patch32")
VEF_FULL("convnext-tiny-224")
VEF_FULL("dinov2-small")
VEF_FULL("dinov2-with-registers-small")
VEF_FULL("resnet-50")
VEF_FULL("siglip-base-patch16-224")
VEF_FULL("vit-base-patch16-224-in21k")

TEST_CASE("the vectors of a real checkpoint are the reference's") {
  auto folder = shared_dir() / "data/models/mobilenet_v2_1.0_224";
  VEF_NEEDS(folder / "golden");
  auto index = read_json_file(folder / "golden/index.json");
  expectation expected;
  for (const auto& file : index.at("files"))
    expected.pictures.push_back(shared_dir() / "data/images/photos" / file.get<std::string>());
  expected.vectors = read_npy<float>(folder / "golden/embeddings.npy");
  check_vectors("mobilenet_v2_1.0_224", folder, expected, {1e-4, 1e-9});
}
