// Models that go up their ladder beside their work.
#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// A model that serves from its file, and faster from memory of its own.
struct climbing : actor_fixture {
  climbing() {
    auto x = fake_model("a");
    x.tiers = {{tier::mapped, "host", 1000, true}, {tier::packed, "host", 1000, true}};
    control->catalog = {x};
    control->moves_while_embedding = true;
    options.climb_after = 2;
  }

  /// Everybody acts and works but the loaders, of which one gets stuck in the next move.
  void up_to_the_move() {
    do {
      act();
    } while (preparers().run_one() || lanes().run_one());
  }

  /// A picture embedded while a move is stuck.
  result<embed_reply> embed_meanwhile(const service_actor& s) {
    auto reply = send<embed_reply>(s, embed_atom_v, request({plain(7, 8, 9)}, "a"));
    up_to_the_move();
    return *reply ? **reply : result<embed_reply>{fail(errc::internal, "no answer")};
  }

  /// Two pictures, after which it is to go up.
  service_actor about_to_climb() {
    auto s = make_service();
    REQUIRE(use(s, "a"));
    auto second = send<embed_reply>(s, embed_atom_v, request({plain(1, 1, 1)}, "a"));
    up_to_the_move();
    REQUIRE(*second);
    auto third = send<embed_reply>(s, embed_atom_v, request({plain(1, 1, 1)}, "a"));
    up_to_the_move();
    REQUIRE(*third);
    REQUIRE(loaders().waiting() > 0);
    return s;
  }

  model_status seen(const service_actor& s) {
    return look<service_status>(s, status_atom_v).value().models.at(0);
  }
};

} // namespace

TEST_CASE_METHOD(climbing, "a model serves from its file at once and goes on while it is packed") {
  auto s = about_to_climb();
  CHECK(seen(s).tier == tier::mapped);
  loaders().get_stuck();
  for (int i = 0; i < 3; ++i) {
    auto reply = embed_meanwhile(s);
    REQUIRE(reply);
    CHECK(reply->vectors.row(0)[2] == 9);
  }
  CHECK(seen(s).state == model_state::ready);
  CHECK(seen(s).tier == tier::mapped);
  loaders().run_stuck();
  settle();
  CHECK(where(s, "a") == tier::packed);
  CHECK(control->moves == std::vector{tier::packed});
  REQUIRE(use(s, "a"));
}

TEST_CASE_METHOD(climbing, "a pass that is under way when a model is packed gives its vectors") {
  auto s = about_to_climb();
  loaders().get_stuck();
  auto reply = send<embed_reply>(s, embed_atom_v, request({plain(7, 8, 9)}, "a"));
  act();
  while (preparers().run_one()) act();
  loaders().run_stuck(); // before the lane has done it
  act();
  CHECK(seen(s).tier == tier::packed);
  settle();
  REQUIRE(*reply);
  REQUIRE(**reply);
  CHECK((**reply)->vectors.row(0)[0] == 7);
}

TEST_CASE_METHOD(climbing, "an unload during the move waits for it and then happens") {
  auto s = about_to_climb();
  loaders().get_stuck();
  auto gone = send<std::vector<unload_report>>(s, unload_atom_v, std::string{"a"}, unload_mode::when_done);
  up_to_the_move();
  CHECK_FALSE(*gone);
  loaders().run_stuck();
  settle();
  REQUIRE(*gone);
  REQUIRE(**gone);
  CHECK_FALSE((**gone)->at(0).outcome);
  CHECK(where(s, "a") == tier::absent);
  CHECK(host().resident == 0);
}

TEST_CASE_METHOD(climbing, "a move that fails leaves the model where it serves") {
  control->on_move = [](tier) { return fail(errc::out_of_memory, "no"); };
  auto s = about_to_climb();
  settle();
  CHECK(where(s, "a") == tier::mapped);
  REQUIRE(use(s, "a"));
  CHECK(host().resident == 1000);
}
