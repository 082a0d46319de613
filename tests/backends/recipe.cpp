// The weights of the full-size reference networks: what parity and benchmarks stand on.
#include "support/recipe.hpp"

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

#include <nlohmann/json.hpp>

#include <cstring>

using namespace vef::test;

namespace {

std::filesystem::path full(std::string_view name) { return shared_dir() / "golden/full" / name; }

/// A safetensors file in memory: its head and the bytes after it.
struct checkpoint {
  nlohmann::json head;
  std::string data;

  explicit checkpoint(const std::filesystem::path& file) {
    auto all = content_of(file);
    std::uint64_t length = 0;
    std::memcpy(&length, all.data(), sizeof length);
    head = nlohmann::json::parse(all.substr(sizeof length, length));
    data = all.substr(sizeof length + length);
  }

  std::string bytes(const std::string& name) const {
    auto place = head.at(name).at("data_offsets");
    auto begin = place.at(0).get<std::size_t>();
    return data.substr(begin, place.at(1).get<std::size_t>() - begin);
  }
};

template <class F> std::string refusal(F&& work) {
  try {
    work();
  } catch (const std::runtime_error& problem) {
    return problem.what();
  }
  return "nothing was refused";
}

} // namespace

TEST_CASE("recipe: the hash and the noise have the published values") {
  CHECK(fnv1a("noise:1x3x224x224") == 0xF0FFFCCCA62AB411);
  CHECK(fnv1a("embeddings.cls_token") == 0x8AE8CEC33A7A6817);

  std::vector<float> noise(4);
  unit("noise:1x3x224x224", 1, noise);

  CHECK(noise == std::vector{-0x1.db9c5cp-1f, 0x1.d0dcc8p-2f, 0x1.f49544p-1f, 0x1.58d9f8p-1f});
}

TEST_CASE("recipe: a tensor has the published values") {
  VEF_NEEDS(full("dinov2-small"));
  weights_recipe recipe{full("dinov2-small")};
  CHECK(recipe.seed() * 0x9E3779B97F4A7C15 == 0x7C499A13532DB61E);
  const auto& token = recipe.tensors().at(0);
  REQUIRE(token.name == "embeddings.cls_token");

  std::vector<float> values(token.count());
  recipe.write(token, std::as_writable_bytes(std::span{values}));

  values.resize(3);
  CHECK(values == std::vector{0.31074142f, 0.75367624f, -0.16593675f});
}

TEST_CASE("recipe: a checkpoint holds every tensor of its recipe, as the digests say") {
  VEF_NEEDS(full("resnet-50"));
  scratch here;
  weights_recipe recipe{full("resnet-50")};

  auto made = make_full_checkpoint(full("resnet-50"), here / "models/resnet-50");

  CHECK(content_of(made / "config.json") == content_of(full("resnet-50") / "config.json"));
  CHECK(std::filesystem::exists(made / "preprocessor_config.json"));
  checkpoint written{made / "model.safetensors"};
  CHECK(written.head.size() == recipe.tensors().size() + 1); // and the metadata
  auto correct = 0u;
  for (const auto& x : recipe.tensors()) {
    std::vector<std::uint64_t> expected((x.bytes() + 7) / 8); // aligned for either type
    recipe.write(x, std::as_writable_bytes(std::span{expected}).first(x.bytes()));
    auto bytes = written.bytes(x.name);
    REQUIRE(bytes.size() == x.bytes());
    if (std::memcmp(bytes.data(), expected.data(), x.bytes()) == 0) ++correct;
  }
  CHECK(correct == recipe.tensors().size());
}

TEST_CASE("recipe: statistics come from the file beside it, counters from the recipe") {
  VEF_NEEDS(full("resnet-50"));
  checkpoint statistics{full("resnet-50") / "bn_stats.safetensors"};
  weights_recipe recipe{full("resnet-50")};
  std::string layer = "embedder.embedder.normalization.";
  auto named = [&](const std::string& name) {
    return *std::ranges::find(recipe.tensors(), layer + name, &weights_recipe::tensor::name);
  };

  std::string means(named("running_mean").bytes(), '\0');
  recipe.write(named("running_mean"), std::as_writable_bytes(std::span{means}));
  std::int64_t batches = 0;
  recipe.write(named("num_batches_tracked"), std::as_writable_bytes(std::span{&batches, 1}));

  CHECK(means == statistics.bytes(layer + "running_mean"));
  CHECK(batches == 1000);
}

TEST_CASE("recipe: a tensor that differs from its digest, or of an unknown kind, is refused") {
  scratch here;
  here.put("weights_recipe.json", R"({"seed": 7, "tensors": [
    ["right", [2], "i64", 1000, 0, "98624111bc965dac"],
    ["wrong", [2], "f", 0.0, 1.0, "0123456789abcdef"],
    ["strange", [2], "f8", 0.0, 1.0, "0123456789abcdef"]]})");
  weights_recipe recipe{here.folder()};
  std::vector<std::uint64_t> room(2);
  auto bytes = std::as_writable_bytes(std::span{room});

  auto wrong = refusal([&] { recipe.write(recipe.tensors()[1], bytes.first(8)); });
  auto strange = refusal([&] { recipe.write(recipe.tensors()[2], bytes.first(8)); });
  CHECK(wrong.ends_with("tensor wrong is not what its digest says"));
  CHECK(strange.ends_with("tensor strange is of an unknown kind: f8"));
  recipe.write(recipe.tensors()[0], bytes);
  CHECK(room == std::vector<std::uint64_t>{1000, 1000});
}

TEST_CASE("recipe: a folder without one is an error") {
  scratch here;
  auto said = refusal([&] { weights_recipe{here.folder()}; });
  CHECK(said.starts_with(here.folder().string() + ": no recipe of weights"));
}
