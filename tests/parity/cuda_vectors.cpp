// Vectors from an NVIDIA GPU beside the recorded ones and the processor's. Skipped by name where there is no
// GPU.
#include "parity/cuda_models.hpp"

#include <vef/backends/transformers/checkpoint.hpp>

using namespace vef;
using namespace vef::test;

namespace {

// Recorded pixels through a network alone, as float32 and as float16.
distance from_recorded_pixels(const std::string& name, precision compute) {
  auto folder = golden_dir() / name;
  auto index = read_json_file(folder / "expected/index.json");
  auto array = [&](const std::string& logical) {
    const auto& entry = index.at("files").at(logical);
    return read_npy<float>(folder / "expected" / entry.value("dir", std::string{"."})
                           / entry.at("file").get<std::string>());
  };
  auto expected = array("embeddings." + index.at("default_embedding").get<std::string>());
  auto recorded = array("pixel_values");
  auto x = open_checkpoint({name, folder, {}}, builtin_families(), {.device = gpu});
  if (!x) throw std::runtime_error(x.error().what);
  auto library = open_torch_library(torch_library_places());
  if (!library) throw std::runtime_error(library.error().what);
  result<std::unique_ptr<network>> net;
  library->load({.planned = to_network(*x, compute),
                 .device = gpu,
                 .width = x->width(),
                 .height = x->height(),
                 .channels_last = true,
                 .dim = static_cast<std::uint32_t>(x->dim),
                 .load = {.threads = 2, .tier = tier::device}},
                net);
  if (!net) throw std::runtime_error(net.error().what);

  auto count = recorded.shape[0], plane = recorded.shape[2] * recorded.shape[3];
  rows got{count, expected.row_size()};
  auto write = [&](std::span<float> to) { // recorded channel first
    for (std::size_t n = 0; n < count; ++n)
      for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t i = 0; i < plane; ++i) to[(n * plane + i) * 3 + c] = recorded.row(n)[c * plane + i];
  };
  auto done = (*net)->forward(write, got.spans(), {.threads = 2});
  if (!done) throw std::runtime_error(done.error().what);
  distance sum;
  for (std::size_t i = 0; i < count; ++i) sum.add(got[i], expected.row(i), expected.row_size());
  return sum;
}

} // namespace

TEST_CASE("the vectors of every recorded checkpoint on a CUDA device are the reference's") {
  VEF_NEEDS_GPU();
  VEF_NEEDS(golden_dir() / "vit");
  for (const auto& name : golden_checkpoints()) {
    auto x = from_recorded_pixels(name, precision::float32);
    std::cout << name << ", float32: " << text_of(x) << '\n';
    auto limit = tolerance_of(name);
    INFO(name);
    CHECK(x.largest < limit.largest);
    CHECK(x.angle < limit.angle);
  }
}

TEST_CASE("float16 on a CUDA device stays near float32") {
  VEF_NEEDS_GPU();
  VEF_NEEDS(golden_dir() / "vit");
  for (const auto& name : golden_checkpoints()) {
    auto x = from_recorded_pixels(name, precision::float16);
    std::cout << name << ", float16: " << text_of(x) << '\n';
    INFO(name);
    // The random weights of these two make much of small differences.
    auto limit = name == "mobilenet-v2" ? 0.05 : name == "efficientnet" ? 2e-3 : 1e-4;
    CHECK(x.angle < limit);
    CHECK(x.angle > 1e-8);
  }
}

TEST_CASE("a full-size network gives the reference's vectors on a CUDA device in each precision") {
  VEF_NEEDS_GPU();
  VEF_NEEDS(golden_dir() / "full/clip-vit-base-patch32");
  const full_size clip;
  std::uint64_t whole = 0;
  for (auto [precision, limit] :
       {std::pair{"float32", tolerance{}}, {"float16", tolerance{1, 1e-5}}, {"auto", tolerance{1, 1e-5}}}) {
    auto from = transformers_on(gpu, clip.folder, {{"precision", precision}, {"normalize", "false"}});
    auto model = load_first(*from);
    auto x = between(embed(*model, clip.pictures, clip.dim), clip.expected, clip.dim);
    auto weights = bytes_on(gpu, model->memory().weights);
    std::cout << precision << ": " << text_of(x) << ", " << weights << " bytes of weights\n";
    auto info = from->catalog().at(0);
    for (const auto& fact : info.facts)
      if (fact.name == "precision") std::cout << "  " << fact.value << '\n';
    INFO(precision);
    CHECK(x.largest < limit.largest);
    CHECK(x.angle < limit.angle);
    if (whole == 0) whole = weights;
    if (precision == std::string{"float16"}) CHECK(weights * 2 == whole);
  }
}

TEST_CASE("a TorchScript model serves from a CUDA device as from the processor, before and after moves") {
  VEF_NEEDS_GPU();
  for (const auto& x : real_models()) {
    VEF_NEEDS(x.folder_path());
    auto plain = torch_with(x.folder_path()), fast = torch_with(x.folder_path(), gpu);
    auto dim = plain->catalog().at(0).embed_dim;
    auto pictures = noise(3, x.side);
    auto expected = embed(*load_first(*plain), pictures, dim);
    auto model = load_first(*fast);
    CHECK(model->tier() == tier::device);
    auto near = between(embed(*model, pictures, dim), expected, dim);
    std::cout << x.id << ": " << text_of(near) << '\n';
    CHECK(near.angle < 1e-9);

    auto there = reading(*fast);
    REQUIRE(model->move_to({1, tier::host}));
    CHECK(reading(*fast).ours < there.ours);
    CHECK(bytes_on(gpu, model->memory().weights) == 0);
    REQUIRE(model->move_to({1, tier::device}));
    CHECK(between(embed(*model, pictures, dim), expected, dim).angle < 1e-9);
  }
}

TEST_CASE("a CUDA device that does not exist is refused with how many there are") {
  VEF_NEEDS_GPU();
  VEF_NEEDS(golden_dir() / "vit");
  auto from = transformers_on("cuda:77", golden_dir() / "vit");
  auto made = from->load(from->catalog().at(0), {1, tier::device});
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::load_failed);
  CHECK(made.error().what.find("counted from 0") != std::string::npos);
}
