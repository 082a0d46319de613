#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(actor_fixture, "the empty model is the first of the catalog") {
  auto s = make_service();
  CHECK(embed(s, {plain(1, 1, 1)})->model == "a");
  auto models = ask<std::vector<catalog_entry>>(s, models_atom_v);
  REQUIRE(models->size() == 3);
  CHECK(models->at(0).is_default);
  CHECK_FALSE(models->at(1).is_default);
}

TEST_CASE_METHOD(actor_fixture, "an unknown model is refused by every message with the nearest name") {
  control->catalog = {fake_model("dinov2-small")};
  auto s = make_service();
  auto expect = [](const error& why) {
    CHECK(why.code == errc::unknown_model);
    CHECK(why.what.find("did you mean 'dinov2-small'?") != std::string::npos);
  };
  expect(embed(s, {plain(1, 1, 1)}, "dinov2-smal").error());
  expect(ask<model_status>(s, load_atom_v, std::string{"dinov2-smal"}).error());
  expect(ask<std::vector<unload_report>>(s, unload_atom_v, std::string{"dinov2-smal"}, unload_mode::when_done)
             .error());
}

TEST_CASE_METHOD(actor_fixture, "a service without models says so") {
  control->catalog = {};
  auto reply = embed(make_service(), {plain(1, 1, 1)});
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::unknown_model);
}

TEST_CASE_METHOD(actor_fixture, "no more models are in memory than the spec allows") {
  auto s = make_service(1);
  for (auto id : {"a", "b", "a", "c", "c", "b"}) {
    REQUIRE(embed(s, {plain(1, 1, 1)}, id));
    CHECK(control->alive == 1);
    CHECK(model(s, id).state == model_state::ready);
  }
  CHECK(control->loads == 5);
}

TEST_CASE_METHOD(actor_fixture, "the model not used for longest makes room") {
  auto s = make_service(2);
  for (auto id : {"a", "b", "a", "c"}) REQUIRE(embed(s, {plain(1, 1, 1)}, id));
  CHECK(model(s, "b").state == model_state::absent);
  CHECK(model(s, "a").state == model_state::ready);
}

TEST_CASE_METHOD(actor_fixture, "models that want one place at once all get their turn") {
  auto s = make_service(1);
  std::vector<answer<embed_reply>> replies;
  for (int round = 0; round < 5; ++round)
    for (auto id : {"a", "b", "c"})
      replies.push_back(send<embed_reply>(s, embed_atom_v, request({plain(1, 1, 1)}, id)));
  settle();
  for (auto& x : replies) {
    REQUIRE(*x);
    CHECK(**x);
  }
  CHECK(control->alive == 1);
}

TEST_CASE_METHOD(actor_fixture, "unloading a service frees all of its models") {
  auto s = make_service();
  for (auto id : {"a", "c"}) REQUIRE(embed(s, {plain(1, 1, 1)}, id));
  auto reports = ask<std::vector<unload_report>>(s, unload_atom_v, std::string{}, unload_mode::when_done);
  REQUIRE(reports);
  CHECK(reports->size() == 2);
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(actor_fixture, "a draining service finishes what it has and refuses what comes") {
  auto s = make_service();
  auto before = send<embed_reply>(s, embed_atom_v, request({plain(7, 7, 7)}));
  act();
  auto drained = send<std::vector<unload_report>>(s, drain_atom_v, 1000ms);
  act();
  auto after = send<embed_reply>(s, embed_atom_v, request({plain(7, 7, 7)}));
  settle();
  CHECK((**before)->vectors.row(0)[0] == 7);
  REQUIRE(*drained);
  REQUIRE(*after);
  CHECK((**after).error().code == errc::shutting_down);
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(actor_fixture, "a drain is answered at its limit though a worker is stuck") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1)}));
  auto stuck = send<embed_reply>(s, embed_atom_v, request({plain(7, 7, 7)}));
  auto drained = send<std::vector<unload_report>>(s, drain_atom_v, 1000ms);
  act();
  CHECK_FALSE(*drained);
  pass_without_workers(1010ms);
  REQUIRE(*drained);
  CHECK((**drained)->at(0).outcome.code == errc::deadline_exceeded);
}

TEST_CASE_METHOD(actor_fixture, "requests under way when a service is ended are told so") {
  auto s = make_service();
  auto reply = send<embed_reply>(s, embed_atom_v, request({plain(7, 7, 7)}));
  act();
  caf::anon_send_exit(s, caf::exit_reason::user_shutdown);
  settle();
  REQUIRE(*reply);
  REQUIRE_FALSE(**reply);
  CHECK((**reply).error().code == errc::shutting_down);
  CHECK(control->alive == 0);
  CHECK(host().reserved + host().resident == 0);
}

TEST_CASE("a catalog that makes no sense is refused with the model's name") {
  auto a = fake_model("a");
  CHECK(validate(std::vector{a, fake_model("b")}));
  CHECK(validate(std::vector{a, a}).error().code == errc::duplicate_name);
  CHECK(validate(std::vector{fake_model("")}).error().code == errc::invalid_config);
  a.embed_dim = 0;
  CHECK(validate(std::vector{a}).error().what == "model 'a': embed_dim is 0");
  a = fake_model("a");
  a.prepare.std[0] = 0;
  CHECK(validate(std::vector{a}).error().code == errc::invalid_config);
}
