// What becomes of an NVIDIA GPU's memory: readings, moves between tiers, working memory, and no room. Skipped
// by name where there is no GPU.
#include "parity/cuda_models.hpp"

using namespace vef;
using namespace vef::test;

TEST_CASE("the memory of a CUDA device is known before a model is loaded to it, and what is ours after") {
  VEF_NEEDS_GPU();
  VEF_NEEDS(golden_dir() / "vit");
  auto from = transformers_on(gpu, golden_dir() / "vit");
  auto before = reading(*from);
  CHECK(before.device == gpu);
  CHECK(before.available > 0);
  CHECK(before.available <= before.total);
  CHECK(before.ours == 0);
  auto model = load_first(*from);
  auto after = reading(*from);
  CHECK(after.total == device_memory{}.total());
  CHECK(after.total == before.total);
  CHECK(after.available < before.available);
  CHECK(after.available + after.ours < after.total);
  CHECK(after.ours >= bytes_on(gpu, model->memory().weights));
}

TEST_CASE("moves of a model give a CUDA device its memory back, again and again") {
  VEF_NEEDS_GPU();
  VEF_NEEDS(golden_dir() / "full/clip-vit-base-patch32");
  const full_size clip;
  auto from = transformers_on(gpu, clip.folder, {{"normalize", "false"}});
  auto info = from->catalog().at(0);
  { // LibTorch keeps what its first pass makes: kernels, and a workspace for each thread
    auto warm = load_first(*from);
    embed(*warm, clip.pictures, clip.dim);
  }
  auto before = reading(*from);
  auto model = load_first(*from, 2, tier::mapped);
  CHECK(reading(*from) == before);
  std::vector<double> below, above;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(model->move_to({2, tier::device}));
    auto vectors = embed(*model, clip.pictures, clip.dim);
    CHECK(between(vectors, clip.expected, clip.dim).angle < 1e-11);
    above.push_back(static_cast<double>(reading(*from).available));
    REQUIRE(model->move_to({2, tier::mapped}));
    below.push_back(static_cast<double>(reading(*from).available));
  }
  std::cout << "available before " << before.available << ", in the lower tier at first " << below.front()
            << " and at last " << below.back() << ", on the device " << above.front() << " and "
            << above.back() << "; weights " << info.tiers.back().bytes << ", reserved without any "
            << before.ours << '\n';
  CHECK(below.front() == static_cast<double>(before.available));
  CHECK(below.back() == below.front());
  CHECK(above.back() == above.front());
  CHECK(below.back() - above.back() >= static_cast<double>(info.tiers.back().bytes));
  for (int i = 0; i < 20; ++i) {
    model = load_first(*from);
    embed(*model, clip.pictures, clip.dim);
    model.reset();
  }
  CHECK(reading(*from) == before);
}

TEST_CASE("a pass on a CUDA device says what working memory it needs, and a limit gives that back") {
  VEF_NEEDS_GPU();
  VEF_NEEDS(golden_dir() / "full/clip-vit-base-patch32");
  const full_size clip;
  auto from = transformers_on(gpu, clip.folder);
  auto model = load_first(*from);
  auto estimate = from->catalog().at(0).working_estimate;
  rows out{8, clip.dim};
  auto pass = [&](std::size_t count) {
    std::uint64_t working = 0;
    auto pictures = std::span{clip.pictures}.first(count);
    REQUIRE(model->embed(pictures, out.spans().first(count), {.threads = 1, .working = &working}));
    return working;
  };
  pass(1); // LibTorch makes a workspace for the thread
  auto one = pass(1), eight = pass(8);
  std::cout << "working memory of one picture " << one << ", of eight " << eight << ", estimated for one "
            << estimate << '\n';
  CHECK(one > 0);
  CHECK(pass(1) == one);
  CHECK(eight > std::uint64_t{8} * 3 * 224 * 224 * 4);
  CHECK(pass(8) == eight);
  CHECK(eight < 8 * estimate);
  CHECK(bytes_on(gpu, model->memory().working) >= eight);
  auto kept = reading(*from).ours;
  model->limit_working(0);
  CHECK(reading(*from).ours + eight <= kept);
}

TEST_CASE("a CUDA device without room refuses a batch and takes a smaller one") {
  VEF_NEEDS_GPU();
  VEF_NEEDS(golden_dir() / "full/clip-vit-base-patch32");
  const full_size clip;
  auto from = transformers_on(gpu, clip.folder);
  auto model = load_first(*from);
  std::vector<pixels> pictures;
  while (pictures.size() < 512) pictures.insert(pictures.end(), clip.pictures.begin(), clip.pictures.end());
  embed(*model, {pictures[0]}, clip.dim);
  model->limit_working(0);
  device_memory others;
  others.leave(200_MiB);
  rows out{512, clip.dim};
  auto refused = model->embed(pictures, out.spans(), {.threads = 1});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::out_of_memory);
  std::cout << refused.error().what << '\n';
  model->limit_working(0);
  REQUIRE(model->embed(std::span{pictures}.first(8), out.spans().first(8), {.threads = 1}));

  auto more = from->load(from->catalog().at(0), {2, tier::device});
  REQUIRE_FALSE(more);
  CHECK(more.error().code == errc::out_of_memory);
  REQUIRE(model->embed(std::span{pictures}.first(8), out.spans().first(8), {.threads = 1}));
}
