#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

bool says(const error& x, const std::string& words) { return x.what.find(words) != std::string::npos; }

} // namespace

TEST_CASE_METHOD(actor_fixture, "the governor unloads one model or those of a service or all") {
  auto s = make_service(0, "s"), t = make_service(0, "t");
  auto load_all = [&] {
    for (auto& x : {s, t})
      for (auto id : {"a", "b"}) REQUIRE(use(x, id));
  };
  auto unload = [&](unload_request x) {
    return ask<std::vector<unload_report>>(governor, unload_atom_v, x).value().size();
  };
  load_all();
  CHECK(unload({"s", "a"}) == 1);
  CHECK(control->alive == 3);
  CHECK(unload({"t", ""}) == 2);
  CHECK(control->alive == 1);
  load_all();
  CHECK(unload({}) == 4);
  CHECK(control->alive == 0);
  CHECK(unload({}) == 0);
  CHECK(unload({"nobody", ""}) == 0);
  CHECK(host().resident == 0);
}

// -- room ---------------------------------------------------------------------------------------------------

TEST_CASE_METHOD(actor_fixture, "room is made by bytes and for the model that was used last") {
  control->catalog[2].memory_estimate = 8500;
  auto s = make_service();
  REQUIRE(use(s, "a"));
  pass(20ms);
  REQUIRE(use(s, "b"));
  pass(20ms);
  control->bytes = 8500;
  REQUIRE(use(s, "c"));
  CHECK(where(s, "a") == tier::absent);
  CHECK(where(s, "b") == tier::host);
  auto why = memory().recent.back().why;
  INFO(why);
  CHECK(why.find("makes room for 's/c'") == 0);
  CHECK(memory().evicted == 1);
}

TEST_CASE_METHOD(actor_fixture, "a model larger than the budget is refused at once") {
  control->catalog[0].memory_estimate = 10001;
  auto reply = use(make_service(), "a");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::over_budget);
  CHECK(says(reply.error(), "more than the budget"));
  CHECK(control->loads == 0);
}

TEST_CASE_METHOD(actor_fixture, "a load over what pins leave is refused and names the pins") {
  control->catalog[1].memory_estimate = 9500;
  auto s = make_service();
  REQUIRE(use(s, "a"));
  pin(s, "a");
  auto reply = use(s, "b");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::over_budget);
  CHECK(says(reply.error(), "pins hold 1000 B of"));
  CHECK(says(reply.error(), "pinned: a"));
  CHECK(control->alive == 1);
  pin(s, "a", false);
  CHECK(use(s, "b"));
  CHECK(where(s, "a") == tier::absent);
}

TEST_CASE_METHOD(actor_fixture, "a pinned model is not unloaded by whoever asks for everything") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  REQUIRE(use(s, "b"));
  pin(s, "a");
  auto reports = ask<std::vector<unload_report>>(governor, unload_atom_v, unload_request{}).value();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].outcome.code == errc::in_use);
  CHECK(says(reports[0].outcome, "pinned"));
  CHECK_FALSE(reports[1].outcome);
  CHECK(control->alive == 1);
  CHECK(ask<void>(s, pin_atom_v, std::string{"nobody"}, true).error().code == errc::unknown_model);
}

TEST_CASE_METHOD(actor_fixture, "a plan says what a load would evict and does nothing") {
  control->catalog[1].memory_estimate = 9500;
  auto s = make_service();
  REQUIRE(use(s, "a"));
  auto plan = ask<load_plan>(s, plan_atom_v, std::string{"b"}).value();
  CHECK_FALSE(plan.refusal);
  CHECK(plan.needs == std::vector<device_bytes>{{"host", 9500}});
  CHECK_FALSE(plan.measured);
  REQUIRE(plan.evictions.size() == 1);
  CHECK(plan.evictions[0].who == model_key{"s", "a"});
  CHECK(plan.evictions[0].frees == std::vector<device_bytes>{{"host", 1000}});
  CHECK(where(s, "a") == tier::host);
  CHECK(host().reserved == 0);
  pin(s, "a");
  CHECK(ask<load_plan>(s, plan_atom_v, std::string{"b"})->refusal.code == errc::over_budget);
  CHECK(ask<load_plan>(s, plan_atom_v, std::string{"nobody"}).error().code == errc::unknown_model);
}

TEST_CASE_METHOD(actor_fixture, "what was measured is reserved the next time") {
  auto s = make_service();
  control->bytes = 4000;
  REQUIRE(use(s, "a"));
  (void)ask<std::vector<unload_report>>(governor, unload_atom_v, unload_request{});
  auto plan = ask<load_plan>(s, plan_atom_v, std::string{"a"}).value();
  CHECK(plan.measured);
  CHECK(plan.needs == std::vector<device_bytes>{{"host", 4000}});
  CHECK(memory().usage.at(0).estimate_error == Approx(-0.75));
}

TEST_CASE_METHOD(actor_fixture, "a model larger than estimated waits for the room that it really needs") {
  auto s = make_service();
  control->bytes = 9500;
  REQUIRE(use(s, "a"));
  auto busy = send<embed_reply>(s, embed_atom_v, request({plain(1, 1, 1)}, "a"));
  act(); // a is in use, and stays so until a lane gets to it
  auto reply = send<embed_reply>(s, embed_atom_v, request({plain(2, 2, 2)}, "b"));
  settle();
  REQUIRE(*busy);
  CHECK(**busy);
  REQUIRE(*reply);
  CHECK(**reply);
  CHECK(control->alive == 1);
  CHECK(host().resident == 9500);
}

// -- what dies and what is told -----------------------------------------------------------------------------

TEST_CASE_METHOD(actor_fixture, "a service that dies gives its memory back") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  REQUIRE(host().resident == 1000);
  caf::anon_send_exit(s, caf::exit_reason::kill);
  settle();
  CHECK(host().resident == 0);
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(actor_fixture, "the ledger lists who holds what") {
  auto s = make_service();
  REQUIRE(use(s, "a"));
  REQUIRE(use(s, "b"));
  pin(s, "b");
  auto x = host();
  CHECK(x.capacity == 10000);
  CHECK(x.room == 8000);
  REQUIRE(x.holdings.size() == 2);
  CHECK(x.holdings[0].who == model_key{"s", "a"});
  CHECK(x.holdings[0].resident == 1000);
  CHECK(x.holdings[0].tier == tier::host);
  CHECK_FALSE(x.holdings[0].leased);
  CHECK(x.holdings[1].pinned);
}

TEST_CASE_METHOD(actor_fixture, "the books count requests and vectors and loads") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1), broken(), plain(2, 2, 2)}, "a"));
  REQUIRE(use(s, "a"));
  (void)ask<std::vector<unload_report>>(s, unload_atom_v, std::string{"a"}, unload_mode::when_done);
  auto usage = memory().usage;
  REQUIRE(usage.size() == 1);
  CHECK(usage[0].requests == 2);
  CHECK(usage[0].images == 3);
  CHECK(usage[0].loads == 1);
  CHECK(usage[0].unloads == 1);
  CHECK(usage[0].resident_since == timestamp{});
}

TEST_CASE("options that make no sense are refused with the reason") {
  auto why = [](auto change) {
    governor_options x;
    change(x);
    auto good = validate(x);
    return good ? error{} : good.error();
  };
  CHECK_FALSE(why([](governor_options&) {}));
  CHECK(says(why([](governor_options& x) { x.capacity["host"] = 0; }), "nothing at all"));
  CHECK(says(why([](governor_options& x) { x.policy = "lru2"; }), "did you mean 'lru'?"));
  CHECK(why([](governor_options& x) { x.pressure.threshold = 1.5; }).code != errc::ok);
  CHECK(why([](governor_options& x) { x.residency.minimum = -1ms; }).code == errc::invalid_config);
  CHECK(why([](governor_options& x) { x.admission.parallel_loads = 0; }).code == errc::invalid_config);
}
