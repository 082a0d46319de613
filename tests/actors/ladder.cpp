#include "support/catch.hpp"

#include <vef/actors/ladder.hpp>

using namespace vef;

namespace {

using ladder = std::vector<tier_need>;

/// Waits in mapped and packed host memory, serves from the latter and from an accelerator.
const ladder three{{tier::mapped, "host", 10, false},
                   {tier::packed, "host", 20},
                   {tier::device, "host", 5},
                   {tier::device, "cuda:0", 30}};

std::string refusal(const ladder& x) {
  auto good = validate(x);
  return good ? "" : good.error().what;
}

} // namespace

TEST_CASE("a catalog entry without tiers has one, in host memory") {
  model_info x{.id = "m", .name = "m", .memory_estimate = 7};
  CHECK(ladder_of(x) == ladder{{tier::host, "host", 7}});
  x.tiers = three;
  CHECK(ladder_of(x) == three);
}

TEST_CASE("a ladder leads up from tier to tier and down again") {
  CHECK(above(three, tier::absent) == tier::mapped);
  CHECK(above(three, tier::mapped) == tier::packed);
  CHECK(above(three, tier::packed) == tier::device);
  CHECK(above(three, tier::device) == std::nullopt);
  CHECK(below(three, tier::device) == tier::packed);
  CHECK(below(three, tier::packed) == tier::mapped);
  CHECK(below(three, tier::mapped) == tier::absent);
  CHECK(below(three, tier::absent) == tier::absent);
  CHECK(below({}, tier::device) == tier::absent);
}

TEST_CASE("a tier that the ladder does not have lies between those that it has") {
  CHECK(below(three, tier::host) == tier::packed);
  CHECK(above(three, tier::host) == tier::device);
  CHECK(needs_of(three, tier::host).empty());
}

TEST_CASE("a tier needs what each of its lines says") {
  CHECK(needs_of(three, tier::device) == std::vector<device_bytes>{{"host", 5}, {"cuda:0", 30}});
  CHECK(needs_of(three, tier::absent).empty());
}

TEST_CASE("pictures are embedded from the tiers that serve, on the last device that they name") {
  CHECK_FALSE(serves(three, tier::mapped));
  CHECK(serves(three, tier::packed));
  CHECK_FALSE(serves(three, tier::absent));
  CHECK(lowest_serving(three) == tier::packed);
  CHECK(working_device(three, tier::device) == "cuda:0");
  CHECK(working_device(three, tier::packed) == "host");
  CHECK(working_device({}, tier::device) == "host");
}

TEST_CASE("measured sizes take the place of estimates, and what is not on the ladder is left out") {
  auto x = with_measured(three, {{tier::device, "cuda:0", 33}, {tier::host, "host", 99}});
  CHECK(x.size() == three.size());
  CHECK(needs_of(x, tier::device) == std::vector<device_bytes>{{"host", 5}, {"cuda:0", 33}});
  CHECK(needs_of(x, tier::packed) == needs_of(three, tier::packed));
}

TEST_CASE("a measurement does not change whether a tier serves") {
  CHECK_FALSE(serves(with_measured(three, {{tier::mapped, "host", 1, true}}), tier::mapped));
}

TEST_CASE("a ladder that no model could climb is refused with what is wrong with it") {
  CHECK(refusal(three).empty());
  CHECK(refusal({}).empty());
  CHECK(refusal({{tier::absent, "host", 1}}) == "tiers: 'absent' is not one of them");
  CHECK(refusal({{tier::host, "", 1}}) == "tiers: a tier without a device");
  CHECK(refusal({{tier::device, "cuda:0", 1}, {tier::host, "host", 1}})
        == "tiers: 'host' stands above 'device'; list the lowest first");
  CHECK(refusal({{tier::host, "host", 1}, {tier::host, "host", 2}})
        == "tiers: device 'host' twice in one tier");
  CHECK(refusal({{tier::host, "host", 1, false}}) == "tiers: none of them serves");
}
