// The backend of checkpoints: tiers, precision, outputs, catalogs, several threads.
#include "parity/transformers_models.hpp"
#include "support/scratch.hpp"

#include <vef/backends/transformers/checkpoint.hpp>

#include <thread>

using namespace vef;
using namespace vef::test;

namespace {

std::unique_ptr<backend> backend_of(const std::filesystem::path& models, backend_settings more = {}) {
  auto made = make_transformers(models, std::move(more));
  if (!made) throw std::runtime_error(made.error().what);
  return std::move(*made);
}

std::unique_ptr<loaded_model> load(backend& from, std::optional<tier> where = {}, std::size_t index = 0) {
  auto info = from.catalog().at(index);
  auto model = from.load(info, {2, where.value_or(info.tiers.front().tier)});
  if (!model) throw std::runtime_error(model.error().what);
  return std::move(*model);
}

std::vector<float> embed(loaded_model& model, const std::vector<pixels>& pictures, std::size_t dim) {
  rows out{pictures.size(), dim};
  auto done = model.embed(pictures, out.spans(), {.threads = 2});
  if (!done) throw std::runtime_error(done.error().what);
  return out.values();
}

double worst_angle(const std::vector<float>& a, const std::vector<float>& b, std::size_t dim) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); i += dim)
    worst = std::max(worst, angle(a.data() + i, b.data() + i, dim));
  return worst;
}

// Some small tensors are put together when they are copied.
bool is_about(std::uint64_t bytes, std::uint64_t expected) {
  return bytes <= expected && bytes + expected / 100 >= expected;
}

std::string fact(const model_info& x, const std::string& name) {
  for (const auto& one : x.facts)
    if (one.name == name) return one.value;
  return {};
}

result<std::unique_ptr<network>> network_of(const std::string& name, tier where, precision compute) {
  auto x = open_checkpoint({name, golden_dir() / name, {}}, builtin_families(), {});
  if (!x) return fail(x.error());
  auto library = open_torch_library(torch_library_places());
  if (!library) return fail(library.error());
  network_spec spec{.planned = to_network(*x, compute),
                    .width = x->width(),
                    .height = x->height(),
                    .channels_last = true,
                    .dim = static_cast<std::uint32_t>(x->dim),
                    .load = {.threads = 2, .tier = where}};
  result<std::unique_ptr<network>> made;
  library->load(spec, made);
  return made;
}

} // namespace

TEST_CASE("a checkpoint serves from its file, and from memory of its own after a move") {
  VEF_NEEDS(golden_dir() / "clip");
  auto from = backend_of(golden_dir() / "clip");
  auto info = from->catalog().at(0);
  auto model = load(*from);
  CHECK(model->tier() == tier::mapped);
  CHECK(model->moves_while_embedding());
  auto pictures = noise(5, 32);
  auto before = embed(*model, pictures, info.embed_dim);
  REQUIRE(model->move_to({2, tier::packed}));
  CHECK(model->tier() == tier::packed);
  CHECK(worst_angle(embed(*model, pictures, info.embed_dim), before, info.embed_dim) < 1e-11);
  CHECK(is_about(model->memory().weights.at(0).bytes, info.tiers.at(1).bytes));
  REQUIRE(model->move_to({2, tier::mapped}));
  CHECK(embed(*model, pictures, info.embed_dim) == before);
  CHECK_FALSE(model->move_to({2, tier::device}));
}

TEST_CASE("vectors are the same in any batch, by any number of threads at once, during a move as well") {
  VEF_NEEDS(golden_dir() / "swin");
  auto from = backend_of(golden_dir() / "swin");
  auto info = from->catalog().at(0);
  auto model = load(*from);
  auto pictures = noise(6, 32);
  auto alone = embed(*model, pictures, info.embed_dim);
  std::atomic<int> wrong = 0;
  auto work = [&] {
    for (int i = 0; i < 20; ++i)
      if (worst_angle(embed(*model, pictures, info.embed_dim), alone, info.embed_dim) > 1e-10) ++wrong;
  };
  {
    std::jthread one{work}, other{work};
    for (int i = 0; i < 4; ++i) {
      CHECK(model->move_to({1, tier::packed}));
      CHECK(model->move_to({1, tier::mapped}));
    }
  }
  CHECK(wrong == 0);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    auto one = embed(*model, {pictures[i]}, info.embed_dim);
    CHECK(angle(one.data(), alone.data() + i * info.embed_dim, info.embed_dim) < 1e-11);
  }
}

TEST_CASE("fused operations give what the plain ones give, for every family") {
  VEF_NEEDS(golden_dir() / "clip");
  // The plain path runs on an emulated device, whose tensors are in host memory all the same.
  for (const auto& name : golden_checkpoints()) {
    auto fast = backend_of(golden_dir() / name),
         plain = backend_of(golden_dir() / name, {{"device", "emulated"}});
    auto info = fast->catalog().at(0);
    auto side = info.preprocess_size;
    auto a = load(*fast, tier::packed), b = load(*plain, tier::device);
    auto pictures = noise(3, side);
    INFO(name);
    auto limit = name == "mobilenet-v2" ? 1e-8 : name == "efficientnet" ? 1e-9 : 1e-10;
    CHECK(
        worst_angle(embed(*a, pictures, info.embed_dim), embed(*b, pictures, info.embed_dim), info.embed_dim)
        < limit);
  }
}

TEST_CASE("bfloat16 stays near float32 in both tiers, in half of the memory") {
  VEF_NEEDS(golden_dir() / "clip");
  for (auto name : {"clip", "dinov2", "vit", "siglip", "resnet-bottleneck", "convnext", "swin"}) {
    INFO(name);
    auto whole = network_of(name, tier::packed, precision::float32);
    REQUIRE(whole);
    std::vector<std::vector<float>> vectors;
    auto x = open_checkpoint({name, golden_dir() / name, {}}, builtin_families(), {});
    auto dim = static_cast<std::size_t>(x->dim);
    for (auto [where, compute] :
         {std::pair{tier::packed, precision::float32}, std::pair{tier::mapped, precision::bfloat16},
          std::pair{tier::packed, precision::bfloat16}}) {
      auto net = network_of(name, where, compute);
      REQUIRE(net);
      rows out{2, dim};
      auto write = [](std::span<float> to) {
        std::mt19937 random{3};
        std::normal_distribution<float> normal;
        for (auto& value : to) value = normal(random);
      };
      auto done = (*net)->forward(write, out.spans(), {.threads = 2});
      INFO((done ? "" : done.error().what));
      REQUIRE(done);
      vectors.push_back(out.values());
      if (where == tier::packed && compute == precision::bfloat16)
        CHECK(is_about((*net)->memory().weights.at(0).bytes * 2, (*whole)->memory().weights.at(0).bytes));
    }
    CHECK(worst_angle(vectors[1], vectors[0], dim) < 5e-3);
    CHECK(worst_angle(vectors[2], vectors[0], dim) < 5e-3);
    CHECK(vectors[1] != vectors[0]);
  }
}

TEST_CASE("a vector is cut to what was asked for, and has the length 1 where that is usual") {
  VEF_NEEDS(golden_dir() / "clip");
  auto whole = backend_of(golden_dir() / "clip"),
       part = backend_of(golden_dir() / "clip", {{"truncate_dim", "10"}});
  auto raw = backend_of(golden_dir() / "clip", {{"normalize", "false"}});
  auto pictures = noise(2, 32);
  auto length = [](const float* x, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
    return std::sqrt(sum);
  };
  auto all = embed(*load(*whole), pictures, 24), some = embed(*load(*part), pictures, 10);
  auto long_ones = embed(*load(*raw), pictures, 24);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(length(all.data() + 24 * i, 24) == Approx(1));
    CHECK(length(some.data() + 10 * i, 10) == Approx(1));
    CHECK(angle(some.data() + 10 * i, all.data() + 24 * i, 10) < 1e-12);
    CHECK(length(long_ones.data() + 24 * i, 24) > 1.1);
    CHECK(angle(long_ones.data() + 24 * i, all.data() + 24 * i, 24) < 1e-12);
  }
}

TEST_CASE("a folder of checkpoints is a catalog that follows it") {
  VEF_NEEDS(golden_dir() / "vit");
  scratch folder;
  auto copy = [&](const std::string& name, const std::string& as) {
    std::filesystem::create_directories(folder / as);
    for (auto file : {"config.json", "preprocessor_config.json", "model.safetensors"})
      std::filesystem::copy_file(golden_dir() / name / file, folder.folder() / as / file);
  };
  copy("vit", "one");
  auto from = backend_of(folder.folder());
  REQUIRE(from->catalog().size() == 1);
  CHECK_FALSE(from->changed_catalog());

  copy("dinov2", "org/two");
  folder.put("broken/config.json", "{\"model_type\": \"vit\"}");
  folder.put("broken/model.safetensors", "x");
  auto now = from->changed_catalog();
  REQUIRE(now);
  REQUIRE(now->size() == 2);
  CHECK((*now)[0].id == "one");
  CHECK((*now)[1].id == "org/two");
  CHECK_FALSE(from->changed_catalog());
  CHECK(embed(*load(*from, {}, 1), noise(1, 56), 48).size() == 48);

  std::filesystem::remove_all(folder / "one");
  now = from->changed_catalog();
  REQUIRE(now);
  CHECK(now->size() == 1);
}

TEST_CASE("a broken checkpoint that was named is an error, and one among others is left out") {
  scratch folder;
  folder.put("broken/config.json", "{\"model_type\": \"vit\"}");
  folder.put("broken/model.safetensors", "x");
  auto named = make_transformers(folder / "broken");
  REQUIRE_FALSE(named);
  CHECK(named.error().what.find("model.safetensors") != std::string::npos);
  auto among = make_transformers(folder.folder());
  REQUIRE(among);
  CHECK((*among)->catalog().empty());
  CHECK_FALSE(make_transformers(folder / "nowhere"));
}

TEST_CASE("settings that make no sense are refused by name") {
  using pair = std::pair<std::string, std::string>;
  for (const auto& [key, value] :
       {pair{"size", "big"}, pair{"size", "10x"}, pair{"size", "9999"}, pair{"precision", "half"},
        pair{"precision", "float16"}, pair{"normalize", "yes"}, pair{"truncate_dim", "0"},
        pair{"arithmetic", "opencv"}, pair{"device", "gpu"}, pair{"device_memory", "1GiB"},
        pair{"hub_cache", "maybe"}, pair{"presicion", "auto"}}) {
    auto made = make_transformers("", {{key, value}});
    INFO(key << " " << value);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == errc::invalid_config);
    CHECK(made.error().what.find(key) != std::string::npos);
  }
}

TEST_CASE("on an emulated device a checkpoint waits in its file and works from the device's memory") {
  VEF_NEEDS(golden_dir() / "vit");
  auto from = backend_of(golden_dir() / "vit",
                         {{"device", "emulated"}, {"device_memory", "64MiB"}, {"precision", "auto"}});
  auto info = from->catalog().at(0);
  REQUIRE(info.tiers.size() == 2);
  CHECK_FALSE(info.tiers[0].serves);
  auto model = load(*from);
  CHECK(model->tier() == tier::mapped);
  rows out{1, info.embed_dim};
  CHECK_FALSE(model->embed(noise(1, 32), out.spans(), {}));
  REQUIRE(model->move_to({2, tier::device}));
  CHECK(from->devices().at(0).ours > 0);
  CHECK(model->embed(noise(1, 32), out.spans(), {}));
  REQUIRE(model->move_to({2, tier::mapped}));

  auto small = backend_of(golden_dir() / "vit", {{"device", "emulated"}, {"device_memory", "10KiB"}});
  auto waiting = load(*small);
  auto moved = waiting->move_to({2, tier::device});
  REQUIRE_FALSE(moved);
  CHECK(moved.error().code == errc::out_of_memory);
  CHECK(waiting->tier() == tier::mapped);
}

TEST_CASE("auto compares both precisions at the first load and remembers the figure") {
  VEF_NEEDS(golden_dir() / "vit");
  scratch folder;
  // On an emulated device half precision is always tried, whatever the processor.
  backend_settings auto_on_device{
      {"device", "emulated"}, {"precision", "auto"}, {"precision_file", folder / "precision.json"}};
  auto from = backend_of(golden_dir() / "vit", auto_on_device);
  CHECK(fact(from->catalog().at(0), "precision") == "auto: to be decided at the first load");
  auto model = load(*from, tier::device);
  auto text = fact(from->catalog().at(0), "precision");
  CHECK(text.find("cosine distance between both ") != std::string::npos);
  CHECK(std::filesystem::exists(folder / "precision.json"));
  auto again = backend_of(golden_dir() / "vit", auto_on_device);
  CHECK(fact(again->catalog().at(0), "precision") == text);
  auto half = text.starts_with("auto: bfloat16");
  CHECK(is_about(model->memory().weights.at(0).bytes * (half ? 2 : 1),
                 from->catalog().at(0).tiers.at(1).bytes));
}
