#include "torch_models.hpp"

using namespace vef;
using namespace vef::test;

namespace {

std::uint64_t bytes_on(const std::string& device, const std::vector<device_bytes>& x) {
  std::uint64_t sum = 0;
  for (const auto& y : x) sum += y.device == device ? y.bytes : 0;
  return sum;
}

// What its only emulated device says.
device_reading reading(backend& x) {
  auto all = x.devices();
  REQUIRE(all.size() == 1);
  return all.front();
}

} // namespace

TEST_CASE("a model serves from an emulated device as from the processor, before and after moves") {
  for (const auto& x : real_models()) {
    VEF_NEEDS(x.folder_path());
    auto plain = torch_with(x.folder_path()), emulated = torch_with(x.folder_path(), "emulated");
    auto dim = plain->catalog().at(0).embed_dim;
    auto pictures = noise(3, x.side);
    rows expected{3, dim}, before{3, dim}, after{3, dim};
    REQUIRE(load_first(*plain, 1)->embed(pictures, expected.spans(), {1}));

    auto model = load_first(*emulated, 1);
    CHECK(model->tier() == tier::device);
    REQUIRE(model->embed(pictures, before.spans(), {1}));
    CHECK(before.values() == expected.values());

    REQUIRE(model->move_to({1, tier::host}));
    CHECK(model->tier() == tier::host);
    auto idle = model->embed(pictures, after.spans(), {1});
    REQUIRE_FALSE(idle);
    CHECK(idle.error().code == errc::invalid_argument);

    REQUIRE(model->move_to({1, tier::device}));
    REQUIRE(model->embed(pictures, after.spans(), {1}));
    CHECK(after.values() == expected.values());
  }
}

TEST_CASE("the memory of a model follows its moves and adds up to what the device holds") {
  for (const auto& x : real_models()) {
    VEF_NEEDS(x.folder_path());
    auto made = torch_with(x.folder_path(), "emulated:1", {{"device_memory", "512MiB"}});
    auto info = made->catalog().at(0);
    REQUIRE(info.tiers.size() == 2);
    CHECK(info.tiers[1].device == "emulated:1");
    CHECK(reading(*made) == device_reading{"emulated:1", 512u << 20, 512u << 20, 0});

    auto model = load_first(*made, 1, tier::host);
    auto below = model->memory();
    CHECK(bytes_on("emulated:1", below.weights) == 0);
    CHECK(bytes_on("host", below.weights) == total(below.weights));
    CHECK(reading(*made).ours == 0);

    REQUIRE(model->move_to({1, tier::device}));
    auto pictures = noise(8, x.side);
    rows got{8, info.embed_dim};
    REQUIRE(model->embed(pictures, got.spans(), {1}));
    auto above = model->memory();
    std::cout << x.id << ": weights of " << total(below.weights) << " bytes take "
              << bytes_on("emulated:1", above.weights) << " on a device, its file says "
              << info.tiers[1].bytes << '\n';
    CHECK(bytes_on("host", above.weights) + bytes_on("host", above.working) == 0);
    CHECK(model->memory_bytes() == 0);
    CHECK(reading(*made).ours == total(above.weights) + total(above.working));
    CHECK(reading(*made).available == (512u << 20) - reading(*made).ours);

    REQUIRE(model->move_to({1, tier::host}));
    CHECK(model->memory() == below);
    CHECK(reading(*made).ours == 0);
    REQUIRE(model->move_to({1, tier::device}));
    model.reset();
    CHECK(reading(*made).ours == 0);
  }
}

TEST_CASE("a device without room refuses weights and leaves the model where it was") {
  VEF_NEEDS(smallest_model().folder_path());
  auto made = torch_with(smallest_model().folder_path(), "emulated", {{"device_memory", "500KiB"}});
  auto direct = made->load(made->catalog().at(0), {1, tier::device});
  REQUIRE_FALSE(direct);
  CHECK(direct.error().code == errc::out_of_memory);
  auto model = load_first(*made, 1, tier::host);
  auto before = model->memory();
  auto moved = model->move_to({1, tier::device});
  REQUIRE_FALSE(moved);
  CHECK(moved.error().code == errc::out_of_memory);
  CHECK(model->tier() == tier::host);
  CHECK(model->memory() == before);
  CHECK(reading(*made).ours == 0);
}

TEST_CASE("a device without room refuses a batch and takes a smaller one") {
  VEF_NEEDS(smallest_model().folder_path());
  auto made = torch_with(smallest_model().folder_path(), "emulated", {{"device_memory", "30MiB"}});
  auto model = load_first(*made, 1);
  auto pictures = noise(16, 224);
  rows got{16, 256};
  auto refused = model->embed(pictures, got.spans(), {1});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::out_of_memory);
  INFO(reading(*made).ours << " bytes held after it, of them " << total(model->memory().working));
  auto small = model->embed(std::span{pictures}.first(2), got.spans().first(2), {1});
  if (!small) FAIL(small.error().what);
  CHECK(reading(*made).ours <= 30u << 20);
  REQUIRE(model->embed(std::span{pictures}.first(4), got.spans().first(4), {1}));
  for (std::size_t count : {1, 4, 2, 3, 4})
    CHECK(model->embed(std::span{pictures}.first(count), got.spans().first(count), {1}));
}

TEST_CASE("moving again and again leaves no memory behind") {
  VEF_NEEDS(smallest_model().folder_path());
  auto made = torch_with(smallest_model().folder_path(), "emulated");
  auto model = load_first(*made, 1);
  auto cycle = [&] {
    REQUIRE(model->move_to({1, tier::host}));
    REQUIRE(model->move_to({1, tier::device}));
  };
  for (int i = 0; i < 20; ++i) cycle();
  auto before = process_memory(1);
  for (int i = 0; i < 60; ++i) cycle();
  auto growth = (static_cast<double>(process_memory(1)) - static_cast<double>(before)) / 60;
  std::cout << "resident memory after a move down and up: " << growth / 1024 << " KiB more each time\n";
  CHECK(growth < 4096);
}

TEST_CASE("a model has no tiers but those of its ladder") {
  VEF_NEEDS(smallest_model().folder_path());
  auto made = torch_with(smallest_model().folder_path());
  auto model = load_first(*made, 1);
  auto moved = model->move_to({1, tier::device});
  REQUIRE_FALSE(moved);
  CHECK(moved.error().code == errc::invalid_argument);
  CHECK(model->tier() == tier::host);
  CHECK(made->devices().empty());
}
