#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;

TEST_CASE_METHOD(actor_fixture, "the governor unloads one model or those of a service or all") {
  auto s = make_service(0, "s"), t = make_service(0, "t");
  auto load_all = [&] {
    for (auto& x : {s, t})
      for (auto id : {"a", "b"}) REQUIRE(embed(x, {plain(1, 1, 1)}, id));
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

TEST_CASE_METHOD(actor_fixture, "a load over the budget is refused and names who holds the memory") {
  auto s = make_service();
  control->catalog[1].memory_estimate = 9500;
  auto t = make_service(0, "t");
  REQUIRE(embed(s, {plain(1, 1, 1)}, "a"));
  auto reply = embed(t, {plain(1, 1, 1)}, "b");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::over_budget);
  CHECK(reply.error().what.find("held by a (1000 B)") != std::string::npos);
  ask<std::vector<unload_report>>(governor, unload_atom_v, unload_request{});
  CHECK(embed(t, {plain(1, 1, 1)}, "b"));
}

TEST_CASE_METHOD(actor_fixture, "a service that dies gives its memory back") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1)}, "a"));
  REQUIRE(host().resident == 1000);
  caf::anon_send_exit(s, caf::exit_reason::kill);
  settle();
  CHECK(host().resident == 0);
  CHECK(control->alive == 0);
}

TEST_CASE_METHOD(actor_fixture, "the ledger lists every claim") {
  auto s = make_service();
  REQUIRE(embed(s, {plain(1, 1, 1)}, "a"));
  REQUIRE(embed(s, {plain(1, 1, 1)}, "b"));
  auto x = host();
  CHECK(x.capacity == 10000);
  CHECK(x.claims == std::vector<memory_claim>{{"s", "a", "host", 1000}, {"s", "b", "host", 1000}});
}
