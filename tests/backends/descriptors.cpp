#include "descriptors_support.hpp"

#include <cmath>
#include <thread>

using namespace vef;
using namespace vef::test;

namespace {

pixels plain(std::uint32_t width, std::uint32_t height, std::array<std::uint8_t, 3> colour) {
  pixels x{width, height, {}};
  for (std::uint32_t i = 0; i < width * height; ++i) x.rgb.insert(x.rgb.end(), colour.begin(), colour.end());
  return x;
}

// Waves and a disc, different for each seed.
pixels pattern(std::uint32_t seed, std::uint32_t width = 200, std::uint32_t height = 150) {
  pixels out{width, height, {}};
  auto s = static_cast<float>(seed);
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      auto u = static_cast<float>(x) / static_cast<float>(width),
           v = static_cast<float>(y) / static_cast<float>(height);
      auto wave = std::sin(9 * u * (1 + s / 3) + 7 * v * std::cos(s)) + std::cos(23 * v - 5 * u * s);
      auto disc = std::hypot(u - 0.3f - 0.05f * s, v - 0.5f) < 0.2f;
      for (float channel : {1.0f, 0.8f, 0.5f + 0.1f * s})
        out.rgb.push_back(static_cast<std::uint8_t>(disc ? 200 : 110 + 45 * wave * std::min(channel, 1.0f)));
    }
  }
  return out;
}

std::vector<pixels> patterns(const described_model& model, std::uint32_t count) {
  std::vector<pixels> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back(fit(pattern(i), model.info.prepare).value());
  return all;
}

float length(const std::vector<float>& x) { return std::sqrt(cosine(x, x)); }

bool finite(const std::vector<float>& x) {
  return std::all_of(x.begin(), x.end(), [](float value) { return std::isfinite(value); });
}

const std::vector<std::string> ids{"descriptors-small", "descriptors-large"};

} // namespace

TEST_CASE("the catalog of descriptors says all there is to know about a model") {
  auto made = make_descriptors();
  auto catalog = made->catalog();
  REQUIRE(catalog.size() == ids.size());
  for (std::size_t i = 0; i < catalog.size(); ++i) {
    const auto& x = catalog[i];
    CHECK(x.id == ids[i]);
    CHECK_FALSE(x.name.empty());
    CHECK_FALSE(x.description.empty());
    CHECK_FALSE(x.recommended_use.empty());
    CHECK(x.embed_dim > 100);
    CHECK(x.normalized);
    CHECK(validate(x.prepare));
    CHECK(prepared_size(x.prepare) == std::array{x.preprocess_size, x.preprocess_size});
    REQUIRE(x.tiers.size() == 1);
    CHECK(x.tiers[0].tier == tier::host);
    CHECK(x.tiers[0].bytes == x.memory_estimate);

    auto model = made->load(x, {}).value();
    CHECK(model->memory_bytes() > 0);
    CHECK(model->memory_bytes() <= x.memory_estimate);
    CHECK(model->concurrency() >= 1);
    CHECK(model->tier() == tier::host);
  }
  CHECK(catalog[0].performance_rating == rating::fast);
  CHECK(catalog[1].performance_rating == rating::accurate);
  CHECK(made->check());
}

TEST_CASE("the backend of descriptors is registered with its metadata") {
  backend_types types;
  add_descriptors_backend(types);
  auto listed = types.list();
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].name == "descriptors");
  CHECK(listed[0].version == "1.0.0");
  CHECK(listed[0].author == "vef");
  CHECK_FALSE(listed[0].description.empty());
  CHECK_FALSE(listed[0].tags.empty());
}

TEST_CASE("a model that descriptors don't have is an error with the nearest name") {
  auto loaded = make_descriptors()->load({.id = "descriptors-smal", .name = ""}, {});
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code == errc::unknown_model);
  CHECK(loaded.error().what.find("descriptors-small") != std::string::npos);
}

TEST_CASE("descriptor vectors are finite, of length 1, and the same each time") {
  for (const auto& id : ids) {
    described_model model{id}, again{id};
    auto prepared = patterns(model, 5);
    auto first = model.embed(prepared);
    for (const auto& x : first) {
      CHECK(x.size() == model.info.embed_dim);
      CHECK(finite(x));
      CHECK(length(x) == Approx(1).margin(1e-5));
    }
    CHECK(model.embed(prepared) == first);
    CHECK(again.embed(prepared) == first);
    CHECK(cosine(first[0], first[1]) < 0.9f);
  }
}

TEST_CASE("a picture has the same descriptor in a batch as alone") {
  for (const auto& id : ids) {
    described_model model{id};
    auto prepared = patterns(model, 7);
    auto together = model.embed(prepared);
    for (std::size_t i = 0; i < prepared.size(); ++i) CHECK(model.embed({prepared[i]})[0] == together[i]);
    CHECK(model.embed({}).empty());
  }
}

TEST_CASE("a picture of one colour has a descriptor of length 1") {
  for (const auto& id : ids) {
    described_model model{id};
    for (std::array<std::uint8_t, 3> colour :
         {std::array<std::uint8_t, 3>{0, 0, 0}, {255, 255, 255}, {128, 128, 128}, {255, 0, 0}, {1, 2, 3}}) {
      auto x = model.describe(plain(97, 31, colour));
      CHECK(finite(x));
      CHECK(length(x) == Approx(1).margin(1e-5));
    }
    auto red = model.describe(plain(40, 40, {200, 20, 20})),
         blue = model.describe(plain(40, 40, {20, 20, 200}));
    CHECK(cosine(red, blue) < 0.5f);
  }
}

TEST_CASE("a picture of a single pixel or line can be described") {
  for (const auto& id : ids) {
    described_model model{id};
    for (auto picture :
         {plain(1, 1, {10, 200, 30}), pattern(1, 1, 300), pattern(1, 300, 1), pattern(2, 2, 2)}) {
      auto x = model.describe(std::move(picture));
      CHECK(finite(x));
      CHECK(length(x) == Approx(1).margin(1e-5));
    }
  }
}

TEST_CASE("noise of a level or two doesn't decide about a descriptor") {
  for (const auto& id : ids) {
    described_model model{id};
    auto clean = pattern(3), noisy = clean;
    for (std::size_t i = 0; i < noisy.rgb.size(); ++i)
      noisy.rgb[i] = static_cast<std::uint8_t>(noisy.rgb[i] + i * 2654435761u / 65536 % 3);
    CHECK(cosine(model.describe(clean), model.describe(noisy)) > 0.95f);
  }
}

TEST_CASE("many threads may describe at once") {
  for (const auto& id : ids) {
    described_model model{id};
    auto prepared = patterns(model, 6);
    auto expected = model.embed(prepared);
    std::vector<vectors> seen(4);
    std::vector<std::thread> threads;
    for (auto& mine : seen) threads.emplace_back([&] { mine = model.embed(prepared); });
    for (auto& thread : threads) thread.join();
    for (const auto& x : seen) CHECK(x == expected);
  }
}

TEST_CASE("a picture of the wrong size is refused") {
  described_model model{"descriptors-small"};
  std::vector<pixels> wrong{pattern(1)};
  std::vector<float> numbers(model.info.embed_dim);
  std::vector<std::span<float>> rows{numbers};
  auto done = model.model->embed(wrong, rows, {});
  REQUIRE_FALSE(done);
  CHECK(done.error().code == errc::embed_failed);
}
