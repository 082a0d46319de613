#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(actor_fixture, "the first request loads the model and gets its vectors") {
  auto s = make_service();
  auto reply = embed(s, {plain(10, 20, 30), plain(40, 50, 60)});
  REQUIRE(reply);
  CHECK(reply->model == "a");
  CHECK(reply->service == "s");
  CHECK(reply->vectors.row(0)[0] == 10);
  CHECK(reply->vectors.row(1)[2] == 60);
  CHECK(control->loads == 1);
  CHECK(model(s, "a").state == model_state::ready);
  CHECK(model(s, "a").images == 2);
}

TEST_CASE_METHOD(actor_fixture, "one bad picture of 64 costs 63 vectors nothing") {
  auto s = make_service();
  std::vector<image> images(64, plain(9, 9, 9));
  images[17] = broken();
  auto reply = embed(s, images);
  REQUIRE(reply);
  for (std::size_t i = 0; i < 64; ++i) {
    CHECK(static_cast<bool>(reply->outcomes[i]) == (i == 17));
    CHECK(reply->vectors.row(i)[0] == (i == 17 ? 0 : 9));
  }
  CHECK(reply->outcomes[17].code == errc::not_a_picture);
  CHECK(model(s, "a").failures == 1);
}

TEST_CASE_METHOD(actor_fixture, "a picture that the model chokes on costs only itself") {
  auto s = make_service();
  control->on_embed = [](std::span<const pixels> images) -> result<void> {
    for (const auto& x : images)
      if (x.rgb[0] == 66) throw std::runtime_error("66 is too much");
    return {};
  };
  auto reply = embed(s, {plain(1, 1, 1), plain(66, 0, 0), plain(2, 2, 2), plain(3, 3, 3)});
  REQUIRE(reply);
  CHECK(reply->outcomes[1].code == errc::embed_failed);
  CHECK(reply->outcomes[1].what.find("66 is too much") != std::string::npos);
  CHECK(reply->vectors.row(3)[0] == 3);
}

TEST_CASE_METHOD(actor_fixture, "a batch that does not fit into memory is embedded in parts") {
  auto s = make_service();
  control->on_embed = [](std::span<const pixels> images) -> result<void> {
    if (images.size() > 1) throw std::bad_alloc{};
    return {};
  };
  auto reply = embed(s, std::vector<image>(4, plain(5, 5, 5)));
  REQUIRE(reply);
  CHECK(std::ranges::none_of(reply->outcomes, &error::operator bool));
}

TEST_CASE_METHOD(actor_fixture, "a vector that is not finite is an error in its place") {
  struct bad_model final : loaded_model {
    result<void> embed(std::span<const pixels>, vector_rows rows, const embed_context&) override {
      for (auto& row : rows) std::ranges::fill(row, 1.f);
      rows[0][1] = std::numeric_limits<float>::infinity();
      return {};
    }
    std::uint64_t memory_bytes() const override { return 1; }
  };
  struct bad_backend final : backend {
    std::vector<model_info> catalog() const override { return {fake_model("a")}; }
    result<std::unique_ptr<loaded_model>> load(const model_info&, const load_context&) override {
      return std::make_unique<bad_model>();
    }
  };
  auto s = ending(spawn_service(
      system(),
      {{.name = "s"}, std::make_shared<bad_backend>(), {fake_model("a")}, work, governor, options}));
  auto reply = embed(s, {plain(1, 1, 1), plain(1, 1, 1)});
  REQUIRE(reply);
  CHECK(reply->outcomes[0].code == errc::embed_failed);
  CHECK(reply->vectors.row(0)[0] == 0);
  CHECK_FALSE(reply->outcomes[1]);
}

TEST_CASE_METHOD(actor_fixture, "concurrent loads of one model are one load") {
  auto s = make_service();
  auto first = send<model_status>(s, load_atom_v, std::string{"b"});
  auto second = send<model_status>(s, load_atom_v, std::string{"b"});
  auto third = send<embed_reply>(s, embed_atom_v, request({plain(1, 1, 1)}, "b"));
  settle();
  REQUIRE((*first && *second && *third));
  CHECK((**first)->state == model_state::ready);
  CHECK(**third);
  CHECK(control->loads == 1);
}

TEST_CASE_METHOD(actor_fixture,
                 "a load that fails fails its requests with the reason and the next one tries again") {
  auto s = make_service();
  control->on_load = []() -> result<void> { throw std::runtime_error("no such file"); };
  auto reply = embed(s, {plain(1, 1, 1)});
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::load_failed);
  CHECK(reply.error().what.find("no such file") != std::string::npos);
  CHECK(model(s, "a").state == model_state::failed);
  CHECK(model(s, "a").last_error.code == errc::load_failed);
  CHECK(host().reserved + host().resident == 0);
  control->on_load = [] { return result<void>{}; };
  CHECK(embed(s, {plain(1, 1, 1)}));
}

TEST_CASE_METHOD(actor_fixture, "what was measured replaces the estimate in the ledger") {
  auto s = make_service();
  control->bytes = 1234;
  REQUIRE(embed(s, {plain(1, 1, 1)}));
  CHECK(host().resident == 1234);
  CHECK(host().reserved == 0);
  CHECK(model(s, "a").bytes == 1234);
  CHECK(model(s, "a").bytes_estimated == 1000);
}

TEST_CASE_METHOD(actor_fixture, "a model that turns out larger than the budget is freed and refused") {
  auto s = make_service();
  control->bytes = 20000;
  auto reply = embed(s, {plain(1, 1, 1)});
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::over_budget);
  settle();
  CHECK(control->alive == 0);
  CHECK(host().reserved + host().resident == 0);
}

TEST_CASE_METHOD(actor_fixture, "an unload gives everything back") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1)}));
  REQUIRE(control->alive == 1);
  auto reports = ask<std::vector<unload_report>>(s, unload_atom_v, std::string{"a"}, unload_mode::when_done);
  REQUIRE(reports);
  REQUIRE(reports->size() == 1);
  CHECK_FALSE(reports->at(0).outcome);
  CHECK(reports->at(0).bytes_expected == 1000);
  CHECK(control->alive == 0);
  CHECK(host().resident == 0);
  CHECK(model(s, "a").state == model_state::absent);
}

TEST_CASE_METHOD(actor_fixture, "an unload waits for the requests admitted before it") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1)}));
  auto reply = send<embed_reply>(s, embed_atom_v, request(std::vector<image>(9, plain(4, 4, 4))));
  act();
  auto unloaded =
      send<std::vector<unload_report>>(s, unload_atom_v, std::string{"a"}, unload_mode::when_done);
  act();
  CHECK_FALSE(*unloaded);
  settle();
  REQUIRE((*reply && *unloaded));
  CHECK((**reply)->vectors.row(8)[0] == 4);
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(actor_fixture, "an unload of a model in use is refused where that was asked for") {
  auto s = make_service();
  auto reply = send<embed_reply>(s, embed_atom_v, request({plain(4, 4, 4)}));
  act();
  auto refused = send<std::vector<unload_report>>(s, unload_atom_v, std::string{"a"}, unload_mode::if_idle);
  act();
  REQUIRE(*refused);
  CHECK((**refused)->at(0).outcome.code == errc::in_use);
  settle();
  CHECK(**reply);
  CHECK(control->alive == 1);
}

TEST_CASE_METHOD(actor_fixture, "a request at any step of an unload gets its vectors") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1)}));
  // Each round lets the unload run for one step more before the request comes.
  for (int steps = 0; steps < 12; ++steps) {
    auto unloaded =
        send<std::vector<unload_report>>(s, unload_atom_v, std::string{"a"}, unload_mode::when_done);
    for (int i = 0; i < steps; ++i) {
      act();
      loaders().run_one();
    }
    auto reply = send<embed_reply>(s, embed_atom_v, request({plain(8, 8, 8)}));
    settle();
    REQUIRE((*reply && *unloaded));
    REQUIRE(**reply);
    CHECK((**reply)->vectors.row(0)[0] == 8);
  }
  CHECK(control->alive == 1);
}

TEST_CASE_METHOD(actor_fixture, "an unload while the model is loading happens after the load") {
  auto s = make_service();
  auto loaded = send<model_status>(s, load_atom_v, std::string{});
  act();
  auto unloaded =
      send<std::vector<unload_report>>(s, unload_atom_v, std::string{"a"}, unload_mode::when_done);
  settle();
  REQUIRE((*loaded && *unloaded));
  CHECK(**loaded);
  CHECK(control->loads == 1);
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(actor_fixture, "a request that no worker serves in time gets its deadline") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1)}));
  auto asked = request({plain(2, 2, 2)});
  asked.time_allowed = 200ms;
  auto reply = send<embed_reply>(s, embed_atom_v, asked);
  act();
  CHECK_FALSE(*reply);
  pass_without_workers(210ms);
  REQUIRE(*reply);
  REQUIRE(**reply);
  CHECK((**reply)->outcomes[0].code == errc::deadline_exceeded);
  settle(); // the late result is ignored
  CHECK(embed(s, {plain(3, 3, 3)})->vectors.row(0)[0] == 3);
}

TEST_CASE_METHOD(actor_fixture, "a load that hangs does not hold its requests beyond their deadline") {
  auto s = make_service();
  auto asked = request({plain(2, 2, 2)});
  asked.time_allowed = 1s;
  auto reply = send<embed_reply>(s, embed_atom_v, asked);
  act();
  pass_without_workers(1010ms);
  REQUIRE(*reply);
  CHECK((**reply)->outcomes[0].code == errc::deadline_exceeded);
}

TEST_CASE_METHOD(actor_fixture, "requests of many clients share forward passes") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1)}));
  control->batches.clear();
  std::vector<answer<embed_reply>> replies;
  for (std::uint8_t i = 0; i < 8; ++i)
    replies.push_back(send<embed_reply>(s, embed_atom_v, request({plain(i, i, i)})));
  act();
  while (preparers().run_one()) {
  } // all are prepared before any actor hears of it
  settle();
  for (std::uint8_t i = 0; i < 8; ++i) CHECK((**replies[i])->vectors.row(0)[0] == i);
  CHECK(control->batches.size() < 8);
}

TEST_CASE_METHOD(actor_fixture,
                 "a model that can do one batch at a time is given one, however many lanes are free") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  auto pending = send<embed_reply>(s, embed_atom_v, request(std::vector<image>(16, plain(1, 2, 3)), "a"));
  act();
  do {
    while (preparers().run_one()) act();
    CHECK(lanes().waiting() <= 1);
    lanes().run_one();
    act();
  } while (lanes().waiting() + preparers().waiting() > 0);
  REQUIRE(*pending);
  CHECK((*pending)->has_value());
}

TEST_CASE_METHOD(actor_fixture, "a status read is no use of the model") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1)}));
  auto before = model(s, "a");
  auto after = model(s, "a");
  CHECK(before.last_used == after.last_used);
  CHECK(before.requests == after.requests);
}

TEST_CASE_METHOD(actor_fixture, "an unknown variant is refused before any work") {
  auto s = make_service();
  auto asked = request({plain(1, 1, 1)});
  asked.variant = "sqash";
  auto reply = ask<embed_reply>(s, embed_atom_v, asked);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::unknown_variant);
  CHECK(control->loads == 0);
}
