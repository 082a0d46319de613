#include "support/catch.hpp"

#include "actors/memory_world.hpp"

using namespace vef;
using namespace vef::test;

// -- who may go -----------------------------------------------------------------------------------------------

TEST_CASE_METHOD(memory_world, "an idle model that had its minimum time makes room") {
  resident(on_host("a", 50));
  pass(499ms);
  CHECK(for_room(10).empty());
  pass(1ms);
  CHECK(for_room(10) == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a model stays for as long as its load took, up to the longest minimum") {
  resident(on_host("slow", 50), 0, 3s);
  resident(on_host("slowest", 50), 0, 60s);
  auto room = models.make_room(key("new"), {{"host", 10}}, urgency::load, now);
  CHECK(room.later == now + 3s);
  pass(2999ms);
  CHECK(for_room(10).empty());
  pass(1ms);
  CHECK(for_room(10) == words{"slow"});
  CHECK(for_room(60).empty());
  pass(7s);
  CHECK(for_room(60) == words{"slow", "slowest"});
}

TEST_CASE_METHOD(memory_world, "a busy model makes room only for a load that is overdue") {
  resident(on_host("a", 50));
  pass(2min);
  busy("a");
  pass(2min);
  for (auto how : {urgency::growth, urgency::load, urgency::pressure}) CHECK(for_room(10, how).empty());
  for (auto how : {urgency::overdue, urgency::possible}) CHECK(for_room(10, how) == words{"a"});
  idle("a");
  CHECK(for_room(10) == words{"a"});
}

TEST_CASE_METHOD(memory_world, "larger batches take room only from models that were not used for long") {
  resident(on_host("a", 50));
  pass(59s);
  CHECK(for_room(10, urgency::growth).empty());
  pass(1s);
  CHECK(for_room(10, urgency::growth) == words{"a"});
}

TEST_CASE_METHOD(memory_world, "pressure does not wait for a minimum time") {
  resident(on_host("a", 50), 0, 5s);
  CHECK(for_room(10, urgency::pressure) == words{"a"});
}

TEST_CASE_METHOD(memory_world, "what is pinned, loading, leaving or climbing does not go under any urgency") {
  resident(on_host("pinned", 20));
  resident(on_host("leaving", 20));
  resident(on_host("climbing", 20));
  auto loading = on_host("loading", 20);
  REQUIRE(book.reserve(loading.key(), {{"host", 20}}));
  models.granted(loading, needs_of(loading, nullptr), now);
  models.pin(key("pinned"), true);
  start_out("leaving");
  models.climbing(key("climbing"), true);
  pass(1h);
  for (auto how : {urgency::growth, urgency::load, urgency::overdue, urgency::pressure, urgency::possible})
    CHECK(for_room(1, how).empty());
  CHECK(models.coming("host") == 20);
  models.pin(key("pinned"), false);
  models.climbing(key("climbing"), false);
  CHECK(for_room(40) == words{"climbing", "pinned"});
}

TEST_CASE_METHOD(memory_world, "a model that refused to go is left alone for a second") {
  resident(on_host("a", 50));
  pass(1min);
  refuse(start_out("a"));
  CHECK(models.make_room(key("new"), {{"host", 1}}, urgency::load, now).later == now + 1s);
  for (auto how : {urgency::growth, urgency::load, urgency::overdue, urgency::pressure})
    CHECK(for_room(1, how).empty());
  pass(1s);
  CHECK(for_room(1) == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a model that became busy before it could go is asked again when it is idle") {
  resident(on_host("a", 50));
  pass(1min);
  auto step = start_out("a");
  busy("a");
  refuse(step);
  CHECK(for_room(1).empty());
  idle("a");
  CHECK(for_room(1) == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a busy model that refused to go when it is done is left alone for a second") {
  resident(on_host("a", 50));
  busy("a");
  pass(1min);
  refuse(start_out("a"));
  CHECK(for_room(1, urgency::overdue).empty());
  pass(1s);
  CHECK(for_room(1, urgency::overdue) == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a load that refuses to be given up keeps what was set aside for it") {
  auto a = on_host("a", 50);
  REQUIRE(book.reserve(a.key(), {{"host", 50}}));
  models.granted(a, needs_of(a, nullptr), now);
  refuse(start_out("a"));
  CHECK(book.held(key("a"), "host").reserved == 50);
}

// -- who goes -------------------------------------------------------------------------------------------------

TEST_CASE_METHOD(memory_world, "the longest unused go first, and no more than needed") {
  for (auto model : {"a", "b", "c"}) resident(on_host(model, 30));
  for (auto model : {"b", "c", "a"}) pass(1s), idle(model);
  pass(1min);
  CHECK(for_room(30) == words{"b"});
  CHECK(for_room(31) == words{"b", "c"});
  CHECK(for_room(90) == words{"b", "c", "a"});
}

TEST_CASE_METHOD(memory_world, "the one whom the room is for does not go itself") {
  resident(on_host("new", 50));
  pass(1min);
  CHECK(for_room(10).empty());
}

TEST_CASE_METHOD(memory_world,
                 "nobody goes for nothing, except that under pressure everything goes that may") {
  resident(on_host("a", 30));
  resident(on_host("b", 30));
  resident(on_host("pinned", 30));
  models.pin(key("pinned"), true);
  pass(1min);
  for (auto how : {urgency::growth, urgency::load, urgency::overdue, urgency::possible})
    CHECK(for_room(61, how).empty());
  auto room = models.make_room(key("new"), {{"host", 61}}, urgency::pressure, now);
  CHECK_FALSE(room.enough);
  CHECK(told(room.steps) == words{"a", "b"});
}

TEST_CASE_METHOD(memory_world, "pressure on one memory leaves alone those who hold nothing of it") {
  resident(on_host("elsewhere", 30));
  resident(on_device("here", 10, 30));
  pass(1min);
  CHECK(for_room(99, urgency::pressure, "cuda:0") == words{"here"});
}

// -- spare working memory -------------------------------------------------------------------------------------

TEST_CASE_METHOD(memory_world, "spare working memory is given back before a model goes, the largest first") {
  resident(on_host("a", 10), 5);
  resident(on_host("b", 10), 20);
  pass(1min);
  CHECK(for_room(20) == words{"b trims"});
  CHECK(for_room(25) == words{"b trims", "a trims"});
  CHECK(for_room(35) == words{"a", "b trims"});
  CHECK(for_room(45) == words{"a", "b"});
}

TEST_CASE_METHOD(memory_world, "what a pass over one picture needs is not spare") {
  auto a = on_host("a", 10);
  a.working_estimate = 7;
  resident(a, 3);
  pass(1ms);
  auto room = models.make_room(key("new"), {{"host", 3}}, urgency::load, now);
  REQUIRE(told(room.steps) == words{"a trims"});
  CHECK(room.steps[0].frees == std::vector<device_bytes>{{"host", 3}});
  make(start(room.steps[0]));
  CHECK(book.held(key("a"), "host").working == 7);
  CHECK(for_room(1).empty());
}

TEST_CASE_METHOD(memory_world,
                 "a pinned and a young model give spare memory back, a busy and a reluctant one do not") {
  resident(on_host("a", 10), 5);
  models.pin(key("a"), true);
  CHECK(for_room(5) == words{"a trims"});
  busy("a");
  CHECK(for_room(5).empty());
  idle("a");
  refuse(start(models.make_room(key("new"), {{"host", 5}}, urgency::load, now).steps.at(0)));
  CHECK(for_room(5).empty());
  pass(1s);
  CHECK(for_room(5) == words{"a trims"});
}
