#include "torch_models.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <latch>
#include <thread>

using namespace vef;
using namespace vef::test;

namespace {

std::vector<pixels> photographs(const real_model& x, const preparation& prepared) {
  auto index = nlohmann::json::parse(content_of(x.golden_path() / "index.json"));
  std::vector<pixels> out;
  for (const auto& name : index.at("files")) {
    auto picture =
        prepare(image{(shared_dir() / "data/images/photos" / name.get<std::string>()).string()}, prepared);
    if (!picture) throw std::runtime_error(picture.error().what);
    out.push_back(std::move(*picture));
  }
  return out;
}

} // namespace

TEST_CASE("recorded pixels give the recorded vectors") {
  VEF_NEEDS(shared_dir() / "data/models");
  auto open = open_torch_library(torch_library_places());
  REQUIRE(open);
  for (const auto& x : real_models()) {
    auto input = read_npy<float>(x.golden_path() / "pixels.npy");
    auto expected = read_npy<float>(x.golden_path() / "embeddings.npy");
    auto dim = expected.row_size();
    network_spec spec{.file = (x.folder_path() / (x.folder + ".pt")).string(),
                      .width = x.side,
                      .height = x.side,
                      .dim = static_cast<std::uint32_t>(dim),
                      .load = {.threads = 2}};
    result<std::unique_ptr<network>> made;
    open->load(spec, made);
    if (!made) FAIL(made.error().what);
    rows got{input.shape[0], dim};
    auto ok = (*made)->forward([&](std::span<float> to) { std::ranges::copy(input.values, to.begin()); },
                               got.spans(), {2});
    if (!ok) FAIL(ok.error().what);
    double worst = 0;
    for (std::size_t i = 0; i < input.shape[0]; ++i)
      worst = std::max(worst, relative_difference(got[i], expected.row(i), dim));
    INFO(x.id << ": relative difference " << worst);
    std::cout << x.id << " from recorded pixels: relative difference " << worst << '\n';
    CHECK(worst < 2e-5);
  }
}

TEST_CASE("photographs give the recorded vectors") {
  VEF_NEEDS(shared_dir() / "data/models");
  VEF_NEEDS(shared_dir() / "data/images/photos");
  for (const auto& x : real_models()) {
    auto made = torch_with(x.folder_path());
    auto info = made->catalog().at(0);
    REQUIRE(info.id == x.id);
    auto model = load_first(*made);
    auto pictures = photographs(x, info.prepare);
    auto expected = read_npy<float>(x.golden_path() / "embeddings.npy");
    REQUIRE(pictures.size() == expected.shape[0]);
    rows got{pictures.size(), info.embed_dim};
    for (std::size_t at = 0; at < pictures.size(); at += 8) {
      auto ok = model->embed(std::span{pictures}.subspan(at, 8), got.spans().subspan(at, 8), {2});
      if (!ok) FAIL(ok.error().what);
    }
    double worst = 0, widest = 0;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      worst = std::max(worst, relative_difference(got[i], expected.row(i), info.embed_dim));
      widest = std::max(widest, angle(got[i], expected.row(i), info.embed_dim));
    }
    INFO(x.id << ": relative difference " << worst << ", 1 - cosine " << widest);
    std::cout << x.id << " from photographs: relative difference " << worst << ", 1 - cosine " << widest
              << '\n';
    CHECK(worst < 1e-2);
    CHECK(widest < 1e-4);
  }
}

TEST_CASE("a batch gives what its pictures give alone at any size and in any order") {
  VEF_NEEDS(smallest_model().folder_path());
  auto made = torch_with(smallest_model().folder_path());
  auto dim = made->catalog().at(0).embed_dim;
  auto model = load_first(*made);
  auto pictures = noise(20, 224);
  rows alone{20, dim};
  for (std::size_t i = 0; i < 20; ++i)
    REQUIRE(model->embed(std::span{pictures}.subspan(i, 1), alone.spans().subspan(i, 1), {1}));
  for (std::size_t size : {1, 2, 8, 3, 7, 1, 20, 4, 8, 5, 6, 1, 8, 2}) {
    rows together{size, dim};
    REQUIRE(model->embed(std::span{pictures}.first(size), together.spans(), {2}));
    for (std::size_t i = 0; i < size; ++i) CHECK(relative_difference(together[i], alone[i], dim) < 1e-5);
  }
}

TEST_CASE("several threads embed at once with one model") {
  VEF_NEEDS(smallest_model().folder_path());
  auto made = torch_with(smallest_model().folder_path());
  auto dim = made->catalog().at(0).embed_dim;
  auto model = load_first(*made);
  REQUIRE(model->concurrency() >= 4);
  auto pictures = noise(8, 224);
  rows expected{8, dim};
  REQUIRE(model->embed(pictures, expected.spans(), {1}));

  std::latch start{4};
  std::vector<double> worst(4, 1.0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      double mine = 0;
      for (std::size_t pass = 0; pass < 12; ++pass) {
        auto count = 1 + (pass + 2 * t) % 8;
        rows got{count, dim};
        if (!model->embed(std::span{pictures}.first(count), got.spans(), {1 + static_cast<unsigned>(t) % 2}))
          return;
        for (std::size_t i = 0; i < count; ++i)
          mine = std::max(mine, relative_difference(got[i], expected[i], dim));
      }
      worst[t] = mine;
    });
  }
  for (auto& x : threads) x.join();
  for (auto x : worst) CHECK(x < 1e-5);
}

TEST_CASE("vectors have the length 1 where the description asks for it") {
  VEF_NEEDS(smallest_model().folder_path());
  model_folder here;
  auto file = smallest_model().folder_path() / "mobilenet_v1_025_224.pt";
  auto plain = torch_with(here.describe(file.string(), "{ dim = 256 }"));
  auto pictures = noise(3, 224);
  rows raw{3, 256}, unit{3, 256};
  REQUIRE(load_first(*plain)->embed(pictures, raw.spans(), {1}));
  auto normalizing = torch_with(here.describe(file.string(), "{ dim = 256, normalize = true }"));
  CHECK(normalizing->catalog().at(0).normalized);
  REQUIRE(load_first(*normalizing)->embed(pictures, unit.spans(), {1}));
  for (std::size_t i = 0; i < 3; ++i) {
    double squares = 0, raw_squares = 0;
    for (std::size_t k = 0; k < 256; ++k)
      squares += std::pow(unit[i][k], 2), raw_squares += std::pow(raw[i][k], 2);
    CHECK(squares == Approx(1.0).margin(1e-5));
    CHECK(raw_squares > 1.5);
    CHECK(angle(unit[i], raw[i], 256) < 1e-6);
  }
}

TEST_CASE("pictures of another size and rows of another length are refused") {
  VEF_NEEDS(smallest_model().folder_path());
  auto made = torch_with(smallest_model().folder_path());
  auto model = load_first(*made);
  rows good{2, 256}, narrow{2, 255};
  auto pictures = noise(2, 224);
  CHECK(model->embed({}, {}, {1}));
  auto short_rows = model->embed(pictures, narrow.spans(), {1});
  REQUIRE_FALSE(short_rows);
  CHECK(short_rows.error().code == errc::invalid_argument);
  auto few_rows = model->embed(pictures, good.spans().first(1), {1});
  REQUIRE_FALSE(few_rows);
  CHECK(few_rows.error().code == errc::invalid_argument);
  pictures[1] = noise(1, 100)[0];
  auto small = model->embed(pictures, good.spans(), {1});
  REQUIRE_FALSE(small);
  CHECK(small.error().code == errc::invalid_argument);
  CHECK(small.error().what == "picture 1 is 100x100, where 'mobilenet-v1-025-pt' takes 224x224");
}
