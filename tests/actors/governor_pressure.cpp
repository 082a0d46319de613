// What the governor does when the kernel or a driver says that memory is short.
#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

struct pressed : actor_fixture {
  std::vector<unload_report> by_pressure(double threshold) {
    return ask<std::vector<unload_report>>(governor, unload_atom_v, pressure_request{threshold}).value();
  }
};

} // namespace

TEST_CASE_METHOD(pressed, "idle models go until memory is below the threshold") {
  control->bytes = 3000;
  auto s = make_service();
  for (auto id : {"a", "b", "c"}) {
    REQUIRE(use(s, id));
    pass(20ms);
  }
  kernel_says(84000);
  CHECK(control->alive == 3);
  kernel_says(86000); // to 80 %: 6000 bytes
  CHECK(control->alive == 1);
  CHECK(where(s, "c") == tier::host);
  CHECK(host().pressure == pressure::high);
  CHECK(memory().recent.back().why.find("86 % of host in use") == 0);
  kernel_says(82000); // below the threshold, but not by the margin
  CHECK(host().pressure == pressure::high);
  kernel_says(79000);
  CHECK(host().pressure == pressure::none);
}

TEST_CASE_METHOD(pressed, "models in use and pinned ones stay under pressure") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  REQUIRE(use(s, "b"));
  REQUIRE(use(s, "c"));
  pin(s, "a");
  auto busy = send<embed_reply>(s, embed_atom_v, request({plain(7, 7, 7)}, "b"));
  act();
  caf::anon_send(governor, pressure_atom_v, std::vector<device_reading>{{"host", 100000, 1000, 0, 0}});
  settle();
  CHECK(where(s, "a") == tier::host);
  CHECK(where(s, "b") == tier::host);
  CHECK(where(s, "c") == tier::absent);
  REQUIRE(*busy);
  CHECK(**busy);
}

TEST_CASE_METHOD(pressed, "while memory is critically short nothing is loaded and batches are small") {
  control->catalog[0].batch_size = 8;
  auto s = make_service();
  REQUIRE(use(s, "a"));
  pin(s, "a");
  kernel_says(96000);
  CHECK(host().pressure == pressure::critical);
  auto refused = use(s, "b");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::out_of_memory);
  control->batches.clear();
  REQUIRE(embed(s, std::vector<image>(8, plain(1, 1, 1)), "a"));
  CHECK(*std::ranges::max_element(control->batches) == 2);
  kernel_says(50000);
  control->batches.clear();
  REQUIRE(embed(s, std::vector<image>(8, plain(1, 1, 1)), "a"));
  CHECK(*std::ranges::max_element(control->batches) > 2);
  CHECK(use(s, "b"));
}

TEST_CASE_METHOD(pressed, "a model that left under pressure has whole batches when it comes back") {
  control->catalog[0].batch_size = 8;
  auto s = make_service();
  REQUIRE(use(s, "a"));
  kernel_says(96000);
  REQUIRE(where(s, "a") == tier::absent);
  kernel_says(50000);
  control->batches.clear();
  REQUIRE(embed(s, std::vector<image>(8, plain(1, 1, 1)), "a"));
  CHECK(*std::ranges::max_element(control->batches) == 8);
}

TEST_CASE_METHOD(pressed, "stalls count as critical where memory is nearly full") {
  kernel_says(83000);
  caf::anon_send(governor, pressure_atom_v, std::vector<device_reading>{{"host", 100000, 17000, 0, 0.6}});
  settle();
  CHECK(host().pressure == pressure::critical);
}

TEST_CASE_METHOD(pressed, "what other programs take is no room for models") {
  auto s = make_service();
  caf::anon_send(governor, pressure_atom_v, std::vector<device_reading>{{"host", 10000, 2500, 0, 0}});
  settle();
  CHECK(host().room == 2500);
  REQUIRE(use(s, "a"));
  REQUIRE(use(s, "b"));
  REQUIRE(use(s, "c")); // makes room
  CHECK(control->alive == 2);
}

TEST_CASE_METHOD(pressed, "a device under pressure gets its models off to the host") {
  control->catalog = {fake_device_model("a")};
  kernel_says(0, "gpu:0");
  auto s = make_service();
  REQUIRE(use(s, "a"));
  caf::anon_send(governor, pressure_atom_v, std::vector<device_reading>{{"gpu:0", 10000, 1450, 0, 0}});
  settle(); // 550 bytes too many
  CHECK(where(s, "a") == tier::host);
  CHECK(device("gpu:0").resident == 0);
}

TEST_CASE_METHOD(pressed, "unloading by pressure frees what is above the threshold of the budget") {
  control->bytes = 3000;
  auto s = make_service();
  for (auto id : {"a", "b", "c"}) {
    REQUIRE(use(s, id));
    pass(20ms);
  }
  CHECK(by_pressure(0.95).empty());
  auto reports = by_pressure(0.5); // 9000 of 10,000 are held
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].model == "a");
  CHECK(reports[0].bytes_expected == 3000);
  CHECK(reports[1].model == "b");
  CHECK(reports[0].why.find("more than 50 % of a memory was in use") == 0);
  CHECK(by_pressure(0).size() == 1);
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(pressed, "a threshold outside 0 to 1 is refused") {
  for (auto x :
       {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    auto reports = ask<std::vector<unload_report>>(governor, unload_atom_v, pressure_request{x});
    REQUIRE_FALSE(reports);
    CHECK(reports.error().code == errc::invalid_argument);
  }
}
