// Models that go down and up their ladder of tiers.
#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

struct two_tiers : actor_fixture {
  two_tiers() {
    control->catalog = {fake_device_model("a"), fake_device_model("b"), fake_device_model("c")};
    kernel_says(0, "gpu:0");
  }

  /// The device has room for two models only.
  static governor_options small_device() {
    auto x = at_once();
    x.capacity["gpu:0"] = 2000;
    return x;
  }
};

struct small_device : actor_fixture {
  small_device()
      : actor_fixture(two_tiers::small_device()) {
    control->catalog = {fake_device_model("a"), fake_device_model("b"), fake_device_model("c")};
  }
};

} // namespace

TEST_CASE_METHOD(two_tiers, "a device that a driver tells of may be used up to nine tenths") {
  CHECK(device("gpu:0").capacity == 90000);
}

TEST_CASE_METHOD(two_tiers, "a model is loaded into the tier that serves") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  CHECK(where(s, "a") == tier::device);
  CHECK(device("gpu:0").resident == 1000);
  CHECK(host().resident == 0);
}

TEST_CASE_METHOD(small_device,
                 "the device's room is made by moving a model down, and its next use moves it up") {
  auto s = make_service();
  for (auto id : {"a", "b"}) {
    REQUIRE(use(s, id));
    pass(20ms);
  }
  REQUIRE(use(s, "c"));
  CHECK(where(s, "a") == tier::host);
  CHECK(where(s, "c") == tier::device);
  CHECK(host().resident == 1000);
  CHECK(device("gpu:0").resident == 2000);
  auto went = memory().recent.back();
  CHECK(went.from == tier::device);
  CHECK(went.to == tier::host);
  CHECK(went.bytes_expected == 1000);

  pass(20ms);
  auto reply = embed(s, {plain(9, 9, 9)}, "a");
  REQUIRE(reply);
  CHECK(reply->vectors.row(0)[0] == 9);
  CHECK(where(s, "a") == tier::device);
  CHECK(where(s, "b") == tier::host);
  CHECK(control->loads == 3); // nothing was read from disk again
  CHECK(device("gpu:0").resident == 2000);
  CHECK(host().resident == 1000);
}

TEST_CASE_METHOD(small_device, "where the host has no room a model leaves altogether") {
  for (auto& x : control->catalog) x.tiers[0].bytes = 20000;
  auto s = make_service();
  for (auto id : {"a", "b"}) {
    REQUIRE(use(s, id));
    pass(20ms);
  }
  REQUIRE(use(s, "c"));
  CHECK(where(s, "a") == tier::absent);
  CHECK(control->moves.empty());
}

TEST_CASE_METHOD(small_device, "a model that cannot move down leaves altogether") {
  control->on_move = [](tier to) -> result<void> {
    if (to == tier::host) return fail(errc::load_failed, "injected");
    return {};
  };
  auto s = make_service();
  for (auto id : {"a", "b"}) {
    REQUIRE(use(s, id));
    pass(20ms);
  }
  auto reply = send<embed_reply>(s, embed_atom_v, request({plain(1, 1, 1)}, "c"));
  settle();
  pass(3s);
  REQUIRE(*reply);
  CHECK(**reply);
  CHECK(device("gpu:0").resident + device("gpu:0").reserved == 2000);
  CHECK(host().resident + host().reserved == 0);
}

TEST_CASE_METHOD(small_device, "a model that cannot move up fails its requests with the reason and stays") {
  auto s = make_service();
  for (auto id : {"a", "b", "c"}) {
    REQUIRE(use(s, id));
    pass(20ms);
  }
  REQUIRE(where(s, "a") == tier::host);
  control->on_move = [](tier to) -> result<void> {
    if (to == tier::device) return fail(errc::load_failed, "injected");
    return {};
  };
  auto reply = use(s, "a");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().what.find("injected") != std::string::npos);
  CHECK(where(s, "a") == tier::host);
  control->on_move = [](tier) { return result<void>{}; };
  CHECK(use(s, "a"));
  CHECK(device("gpu:0").reserved == 0);
}

TEST_CASE_METHOD(small_device, "an explicit load of a model that waits on the host takes it up") {
  auto s = make_service();
  for (auto id : {"a", "b", "c"}) {
    REQUIRE(use(s, id));
    pass(20ms);
  }
  auto loaded = ask<model_status>(s, load_atom_v, std::string{"a"});
  REQUIRE(loaded);
  CHECK(loaded->tier == tier::device);
}

TEST_CASE_METHOD(small_device,
                 "a model that needs more in a tier than was set aside leaves when its requests are done") {
  auto s = make_service();
  for (auto id : {"a", "b", "c"}) {
    REQUIRE(use(s, id));
    pass(20ms);
  }
  REQUIRE(where(s, "a") == tier::host);
  control->extra_on_device = 500;
  CHECK(use(s, "a"));
  CHECK(where(s, "a") == tier::absent);
  CHECK(device("gpu:0").resident + device("gpu:0").reserved <= 2000);
  CHECK(host().reserved == 0);
}

TEST_CASE_METHOD(small_device, "a request during a move down gets its vectors") {
  auto s = make_service();
  for (auto id : {"a", "b"}) {
    REQUIRE(use(s, id));
    pass(20ms);
  }
  auto third = send<embed_reply>(s, embed_atom_v, request({plain(3, 3, 3)}, "c"));
  act(); // a was told to go down, and waits for a worker
  auto again = send<embed_reply>(s, embed_atom_v, request({plain(8, 8, 8)}, "a"));
  settle();
  pass(100ms);
  REQUIRE(*third);
  CHECK(**third);
  REQUIRE(*again);
  REQUIRE(**again);
  CHECK((**again)->vectors.row(0)[0] == 8);
  CHECK(device("gpu:0").resident <= 2000);
}

TEST_CASE_METHOD(actor_fixture,
                 "a model that serves from a lower tier climbs when it is used enough and there is room") {
  auto x = fake_model("a");
  x.tiers = {{tier::mapped, "host", 100, true}, {tier::packed, "host", 1000, true}};
  control->catalog = {x};
  options.climb_after = 3;
  auto s = make_service();
  REQUIRE(use(s, "a"));
  CHECK(where(s, "a") == tier::mapped);
  CHECK(host().resident == 100);
  for (int i = 0; i < 4; ++i) REQUIRE(use(s, "a"));
  CHECK(where(s, "a") == tier::packed);
  CHECK(host().resident == 1000);
  pass(10min + 2s, 1s);
  CHECK(where(s, "a") == tier::mapped);
  CHECK(host().resident == 100);
}

TEST_CASE_METHOD(actor_fixture, "a model that could climb stays where it is while there is no room") {
  auto x = fake_model("a");
  x.tiers = {{tier::mapped, "host", 100, true}, {tier::packed, "host", 9500, true}};
  control->catalog = {x, fake_model("b")};
  options.climb_after = 1;
  auto s = make_service();
  REQUIRE(use(s, "b"));
  for (int i = 0; i < 4; ++i) REQUIRE(use(s, "a"));
  CHECK(where(s, "a") == tier::mapped);
  CHECK(where(s, "b") == tier::host);
}
