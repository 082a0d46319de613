#include "support/catch.hpp"

#include <vef/nodes/reports.hpp>

#include <rapidcheck.h>

#include <utility>

using namespace vef;
using namespace std::chrono_literals;

namespace {

model_presence presence(const std::string& id, std::uint32_t queued = 0) {
  return {.who = {"s", id}, .state = model_state::ready, .queued = queued};
}

catalog_entry offer(const std::string& id) {
  catalog_entry x;
  x.service = "s";
  x.model.id = id;
  return x;
}

node_report report(std::uint64_t number, std::vector<model_presence> models = {}) {
  return {.node = "a",
          .incarnation = 5,
          .number = number,
          .devices = {{.device = "host", .capacity = 8_GiB}},
          .has_catalog = true,
          .catalog = {offer("m1"), offer("m2")},
          .models = std::move(models)};
}

// From the whole range in the first reports, too, which would else be much alike.
template <class T> T any(T from, T to) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(from, to));
}

node_report any_report(std::uint64_t number) {
  auto x = report(number);
  x.health.state = any(0, 2) == 0 ? health::healthy : health::degraded;
  x.queued = any(0u, 3u);
  x.devices.front().room = any<std::uint64_t>(0, 3);
  if (any(0, 2) == 0) x.catalog.push_back(offer("m3"));
  for (auto id : {"m1", "m2", "m3", "m4"})
    if (any(0, 3) > 0) x.models.push_back(presence(id, any(0u, 2u)));
  return x;
}

} // namespace

TEST_CASE("a difference carries the models that are new or other ones, and the keys of those that are gone") {
  auto from = report(1, {presence("gone"), presence("other"), presence("same")});
  auto to = report(2, {presence("new"), presence("other", 7), presence("same")});
  auto x = difference(from, to);
  CHECK(x.builds_on == 1);
  CHECK(x.number == 2);
  CHECK(x.models == std::vector{presence("new"), presence("other", 7)});
  CHECK(x.gone == std::vector<model_key>{{"s", "gone"}});
}

TEST_CASE("a difference carries the catalog only if it has changed, and devices always") {
  auto from = report(1), to = report(2);
  CHECK_FALSE(difference(from, to).has_catalog);
  CHECK(difference(from, to).catalog.empty());
  CHECK(difference(from, to).devices == to.devices);
  to.catalog.pop_back();
  CHECK(difference(from, to).has_catalog);
  CHECK(difference(from, to).catalog == to.catalog);
}

TEST_CASE("a catalog that has become empty is a change as well") {
  auto from = report(1), to = report(2), base = from;
  to.catalog.clear();
  REQUIRE(apply(base, difference(from, to)));
  CHECK(base == to);
}

TEST_CASE("where nothing can be built upon, the difference is the whole report") {
  auto to = report(2, {presence("m1")});
  CHECK(difference({}, to) == to);
  CHECK(difference(report(0), to) == to);
  CHECK(difference(report(2), to) == to);
  auto earlier_process = report(1);
  earlier_process.incarnation = 4;
  CHECK(difference(earlier_process, to) == to);
}

TEST_CASE("a change applies to no other report than the one that it builds on") {
  auto base = report(1), old = base;
  CHECK_FALSE(apply(base, difference(report(2), report(3))));
  node_report none;
  CHECK_FALSE(apply(none, difference(report(2), report(3))));
  CHECK(none == node_report{});
  auto restarted = difference(report(1), report(2));
  restarted.incarnation = 6;
  CHECK_FALSE(apply(base, restarted));
  auto backwards = report(1);
  backwards.builds_on = 1;
  CHECK_FALSE(apply(base, backwards));
  CHECK(base == old);
}

TEST_CASE("a whole report applies unless it is older than what is known") {
  auto base = report(3);
  CHECK_FALSE(apply(base, report(2)));
  CHECK(apply(base, report(3, {presence("m1")})));
  CHECK(base.models.size() == 1);
  auto next_process = report(1);
  next_process.incarnation = 6;
  CHECK(apply(base, next_process));
  CHECK(base == next_process);
  CHECK_FALSE(apply(base, report(9)));
}

TEST_CASE("a report of another node does not apply") {
  auto base = report(1);
  auto other = report(2);
  other.node = "b";
  CHECK_FALSE(apply(base, other));
  CHECK(base == report(1));
}

TEST_CASE("a whole report that is badly made becomes a good one") {
  auto bad = report(1, {presence("m2"), presence("m1"), presence("m2", 9)});
  bad.has_catalog = false;
  bad.gone = {{"s", "m1"}, {"s", "m5"}};
  node_report base;
  REQUIRE(apply(base, bad));
  CHECK(base == report(1, {presence("m1"), presence("m2", 9)}));
}

TEST_CASE("reports that differ in nothing but their numbers say the same") {
  CHECK(same_state(report(1, {presence("m1")}), report(2, {presence("m1")})));
  CHECK_FALSE(same_state(report(1, {presence("m1")}), report(1, {presence("m1", 1)})));
  auto busy = report(1);
  busy.queued = 1;
  CHECK_FALSE(same_state(report(1), busy));
}

TEST_CASE("a report with its difference to another one applied is the other one") {
  REQUIRE(rc::check([] {
    auto from = any_report(any<std::uint64_t>(0, 3));
    auto to = any_report(any<std::uint64_t>(3, 6));
    auto base = from;
    RC_ASSERT(apply(base, difference(from, to)));
    RC_ASSERT(base == to);
  }));
}

TEST_CASE("whatever reports are lost, one who asks for all where a change does not apply is up to date") {
  REQUIRE(rc::check([] {
    node_report base, sent;
    for (std::uint64_t number = 1; number < 8; ++number) {
      auto now = any_report(number);
      auto change = difference(std::exchange(sent, now), now);
      if (any(0, 3) == 0) continue; // lost
      if (!apply(base, change)) RC_ASSERT(apply(base, now));
      RC_ASSERT(base == now);
    }
  }));
}
