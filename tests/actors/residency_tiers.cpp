#include "support/catch.hpp"

#include "actors/memory_world.hpp"

using namespace vef;
using namespace vef::test;

// -- tiers ----------------------------------------------------------------------------------------------------

TEST_CASE_METHOD(memory_world, "a model goes one tier down where the lower tier has room") {
  resident(on_device("a", 40, 50));
  pass(1min);
  auto room = models.make_room(key("new"), {{"cuda:0", 10}}, urgency::load, now);
  REQUIRE(told(room.steps) == words{"a>host"});
  CHECK(room.steps[0].frees == std::vector<device_bytes>{{"cuda:0", 50}});
  auto step = start(room.steps[0]);
  CHECK(book.held(key("a"), "host").reserved == 40);
  CHECK(models.coming("cuda:0") == 50);
  make(step);
  CHECK(models.find(key("a"))->tier == tier::host);
  CHECK(book.room("cuda:0") == 100);
  CHECK(book.room("host") == 60);
}

TEST_CASE_METHOD(memory_world,
                 "a model goes altogether where the lower tier has no room or is under pressure") {
  resident(on_device("a", 40, 50));
  resident(on_host("other", 61));
  pass(1min);
  CHECK(for_room(10, urgency::load, "cuda:0") == words{"a"});
  models.gone(key("other"));
  CHECK(for_room(10, urgency::load, "cuda:0") == words{"a>host"});
  models.set_pressure("host", pressure::high);
  CHECK(for_room(10, urgency::load, "cuda:0") == words{"a"});
}

TEST_CASE_METHOD(memory_world,
                 "a step down that finds no room after all is one out of memory and keeps its reason") {
  resident(on_device("a", 60, 50));
  resident(on_device("b", 60, 50));
  pass(1min);
  auto steps = models.make_room(key("new"), {{"cuda:0", 100}}, urgency::load, now).steps;
  REQUIRE(told(steps) == words{"a>host", "b>host"});
  auto why = steps[1].why;
  for (auto& x : steps) models.step_started(x);
  CHECK(told(steps) == words{"a>host", "b"});
  CHECK_FALSE(why.empty());
  CHECK(steps[1].why == why);
  CHECK(models.find(key("b"))->leaving_for_good());
}

TEST_CASE_METHOD(memory_world, "a model that failed to go down goes altogether the next time") {
  resident(on_device("a", 40, 50));
  pass(1min);
  refuse(start(models.make_room(key("new"), {{"cuda:0", 10}}, urgency::load, now).steps.at(0)));
  CHECK(book.held(key("a"), "host").sum() == 0);
  pass(1s);
  CHECK(for_room(10, urgency::load, "cuda:0") == words{"a"});
}

TEST_CASE_METHOD(memory_world, "a failure to go down is forgotten in another tier") {
  auto a = on_device("a", 40, 50);
  a.tier = tier::host;
  a.ladder.insert(a.ladder.begin(), {tier::mapped, "host", 10});
  resident(a);
  pass(1min);
  auto step = models.make_room(key("new"), {{"host", 30}}, urgency::load, now).steps.at(0);
  refuse(start(step));
  CHECK(models.find(key("a"))->only_down);
  a.tier = tier::device;
  resident(a); // has climbed
  pass(1min);
  CHECK(for_room(10, urgency::load, "cuda:0") == words{"a>host"});
}

TEST_CASE_METHOD(memory_world, "a model that was too busy to go down has not failed to") {
  resident(on_device("a", 40, 50));
  pass(1min);
  auto step = start(models.make_room(key("new"), {{"cuda:0", 10}}, urgency::load, now).steps.at(0));
  busy("a");
  refuse(step);
  idle("a");
  CHECK(for_room(10, urgency::load, "cuda:0") == words{"a>host"});
}

TEST_CASE_METHOD(memory_world,
                 "a model goes altogether where a tier down frees nothing on the device in question") {
  resident(on_host("low", 30));
  auto a = on_device("a", 40, 50);
  a.ladder.push_back({tier::device, "host", 40});
  resident(a);
  models.pin(key("low"), true);
  pass(1min);
  CHECK(for_room(20, urgency::load, "cuda:0") == words{"a>host"});
  CHECK(for_room(40) == words{"a"});
}

// -- two devices ----------------------------------------------------------------------------------------------

TEST_CASE_METHOD(memory_world, "room on two devices is made by one that frees both, or by one for each") {
  auto both = on_host("both", 0);
  both.tier = tier::device;
  both.ladder = {{tier::device, "host", 20}, {tier::device, "cuda:0", 20}};
  resident(both);
  pass(1s);
  resident(on_host("host only", 20));
  resident(on_device("device only", 90, 20)); // too large to go down
  pass(1min);
  auto goes = [&](std::uint64_t host, std::uint64_t device) {
    return told(models.make_room(key("new"), {{"host", host}, {"cuda:0", device}}, urgency::load, now).steps);
  };
  CHECK(goes(20, 20) == words{"both"});
  CHECK(goes(40, 40) == words{"both", "host only", "device only"});
  CHECK(goes(41, 40).empty());
  busy("both");
  CHECK(goes(20, 20) == words{"host only", "device only"});
}

TEST_CASE_METHOD(memory_world,
                 "what a model would trim or leave on one device does not stop it from going for another") {
  auto a = on_device("a", 60, 50);
  a.ladder.push_back({tier::device, "host", 60});
  std::swap(a.ladder[1], a.ladder[2]); // working memory is the accelerator's
  resident(a, 20);
  pass(1min);
  auto goes = [&](std::uint64_t device) {
    return told(models.make_room(key("new"), {{"cuda:0", device}, {"host", 50}}, urgency::load, now).steps);
  };
  CHECK(goes(20) == words{"a"});
  CHECK(goes(60) == words{"a"});
}

// -- places ---------------------------------------------------------------------------------------------------

TEST_CASE_METHOD(memory_world, "places are made in the same service only, and always altogether") {
  resident(on_host("other service", 10, "t"));
  resident(on_device("a", 10, 10));
  resident(on_host("b", 10));
  pass(1min);
  auto places = [&](std::uint32_t n) { return models.make_places(key("new"), n, urgency::load, now); };
  CHECK(told(places(1).steps) == words{"a"});
  CHECK(told(places(2).steps) == words{"a", "b"});
  CHECK_FALSE(places(3).enough);
  CHECK(places(3).steps.empty());
  CHECK(places(0).enough);
  CHECK(models.places_taken(key("new")) == 2);
  start_out("a");
  CHECK(models.places_leaving(key("new")) == 1);
}

TEST_CASE_METHOD(memory_world, "places are made later where all models are young") {
  resident(on_host("a", 10));
  auto places = models.make_places(key("new"), 1, urgency::load, now);
  CHECK_FALSE(places.enough);
  CHECK(places.later == now + 500ms);
}
