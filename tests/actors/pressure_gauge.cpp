#include "support/catch.hpp"

#include <vef/actors/pressure_gauge.hpp>
#include <vef/messages/bytes.hpp>

#include <limits>
#include <random>

using namespace vef;

namespace {

device_reading used(std::uint64_t bytes, double stalled = 0) {
  return {"host", 1000, 1000 - bytes, 0, stalled};
}

bool valid(pressure_limits x) { return validate(x).has_value(); }

} // namespace

TEST_CASE("pressure rises at once and is over a margin below the threshold") {
  pressure_gauge gauge;
  CHECK(gauge.update(used(850)) == pressure::none);
  CHECK(gauge.update(used(851)) == pressure::high);
  CHECK(gauge.excess() == 51);
  CHECK(gauge.update(used(801)) == pressure::high);
  CHECK(gauge.excess() == 1);
  CHECK(gauge.update(used(800)) == pressure::none);
  CHECK(gauge.excess() == 0);
  CHECK(gauge.update(used(850)) == pressure::none);
}

TEST_CASE("critical pressure falls to high pressure first") {
  pressure_gauge gauge;
  CHECK(gauge.update(used(951)) == pressure::critical);
  CHECK(gauge.excess() == 151);
  CHECK(gauge.update(used(901)) == pressure::critical);
  CHECK(gauge.update(used(900)) == pressure::high);
  CHECK(gauge.update(used(950)) == pressure::high);
  CHECK(gauge.update(used(840)) == pressure::high);
  CHECK(gauge.update(used(1000)) == pressure::critical);
  CHECK(gauge.update(used(10)) == pressure::none);
}

TEST_CASE("a share that swings around a limit by less than the margin changes the level once") {
  for (std::uint64_t limit : {850u, 950u}) {
    pressure_gauge gauge;
    auto before = gauge.update(used(limit + 1));
    for (int i = 0; i < 20; ++i) CHECK(gauge.update(used(limit + 20 - (i % 2) * 40u)) == before);
  }
}

TEST_CASE("tasks that wait for memory make the pressure critical while the memory is nearly short") {
  pressure_gauge gauge;
  CHECK(gauge.update(used(820, 0.41)) == pressure::critical);
  CHECK(gauge.excess() == 20);
  CHECK(gauge.update(used(820, 0.36)) == pressure::critical);
  CHECK(gauge.update(used(820, 0.35)) == pressure::high);
  CHECK(gauge.update(used(820, 0.40)) == pressure::high);
  CHECK(gauge.update(used(800, 0.99)) == pressure::none);
}

TEST_CASE("tasks that wait on a machine with memory to spare are somebody else's trouble") {
  pressure_gauge gauge;
  CHECK(gauge.update(used(100, 1)) == pressure::none);
  CHECK(gauge.update(used(800, 1)) == pressure::none);
  CHECK(gauge.excess() == 0);
}

TEST_CASE("a small limit of waiting does not make critical pressure last for ever") {
  pressure_gauge gauge{{.stalled = 0.02}};
  CHECK(gauge.update(used(840, 0.03)) == pressure::critical);
  CHECK(gauge.update(used(840, 0)) == pressure::high);
}

TEST_CASE("a memory of which nothing is known is under no pressure") {
  pressure_gauge gauge;
  gauge.update(used(1000));
  CHECK(gauge.update({}) == pressure::none);
  CHECK(gauge.excess() == 0);
}

TEST_CASE("the excess is counted in bytes also where there are very many") {
  CHECK(excess({"host", 64_GiB, 4_GiB}, 0.75) == 12_GiB);
  CHECK(excess({"host", 64_GiB, 40_GiB}, 0.75) == 0);
  CHECK(excess({"host", 64_GiB, 80_GiB}, 0) == 0);
  CHECK(excess({"host", 64_GiB, 0}, 0) == 64_GiB);
  CHECK(excess({"host", 64_GiB, 0}, 1) == 0);
  constexpr auto all = std::numeric_limits<std::uint64_t>::max();
  CHECK(excess({"host", all, 0}, 1e-30) == all);
  CHECK(excess({"host", all, 0}, 0.9999999999999999) < 4096);
}

TEST_CASE(
    "whatever the readings, there is an excess while there is pressure, and freeing it ends the pressure") {
  std::mt19937_64 random{11};
  pressure_gauge gauge;
  for (int step = 0; step < 20000; ++step) {
    device_reading x{"host", 1 + random() % 512_GiB};
    x.available = random() % (x.total / (1 + random() % 8) + 1);
    x.stalled = static_cast<double>(random() % 101) / 100;
    auto level = gauge.update(x);
    REQUIRE((level == pressure::none) == (gauge.excess() == 0));
    REQUIRE(gauge.excess() <= x.total - x.available);
    if (x.used() > 0.851) REQUIRE(level != pressure::none);
    if (x.used() > 0.951) REQUIRE(level == pressure::critical);
    if (step % 3 == 0) {
      x.available += gauge.excess();
      REQUIRE(gauge.update(x) == pressure::none);
    }
  }
}

TEST_CASE("limits that make no sense are refused") {
  CHECK(valid({}));
  CHECK(valid({.threshold = 1, .margin = 0, .critical = 1, .stalled = 1}));
  CHECK_FALSE(valid({.threshold = 1.01}));
  CHECK_FALSE(valid({.threshold = -0.1}));
  CHECK_FALSE(valid({.threshold = std::numeric_limits<double>::quiet_NaN()}));
  CHECK_FALSE(valid({.margin = -0.01}));
  CHECK_FALSE(valid({.critical = 95}));
  CHECK_FALSE(valid({.stalled = 40}));
  CHECK_FALSE(valid({.threshold = 0.04}));
  auto refused = validate({.threshold = 0.9, .critical = 0.8});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_config);
  CHECK(refused.error().what == "memory pressure: the critical share is below the threshold");
}
