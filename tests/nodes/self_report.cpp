#include "support/catch.hpp"

#include <vef/nodes/self_report.hpp>

using namespace vef;
using namespace std::chrono_literals;

namespace {

node_status one_node() {
  node_status out;
  out.health.state = health::healthy;
  service_status s;
  s.name = "s";
  s.state = service_state::running;
  s.default_model = "m";
  s.catalog = {{.id = "m", .name = "M", .memory_estimate = 1000},
               {.id = "n", .name = "N", .memory_estimate = 50}};
  model_status m;
  m.service = "s";
  m.model = "m";
  m.state = model_state::ready;
  m.tier = tier::host;
  m.queued = 7;
  s.models = {m};
  out.services = {s};
  device_memory host{.device = "host", .capacity = 5000};
  host.room = 2000;
  host.holdings = {{.who = {"s", "m"}, .resident = 900, .working = 100, .leased = true},
                   {.who = {"s", "n"}, .resident = 40, .working = 10},
                   {.who = {"s", "p"}, .resident = 500, .pinned = true}};
  out.memory.devices = {host};
  model_usage usage{.who = {"s", "n"}};
  usage.load_time = 30ms;
  usage.tiers = {{tier::host, "host", 40}};
  out.memory.usage = {usage};
  return out;
}

} // namespace

TEST_CASE("a node tells of its memory what could be evicted for a load") {
  auto x = self_report(one_node(), {.name = "a"});
  REQUIRE(x.devices.size() == 1);
  CHECK(x.devices[0].room == 2000);
  CHECK(x.devices[0].idle == 50);
}

TEST_CASE("a node tells which models are in memory, and what was learned of others") {
  auto x = self_report(one_node(), {.name = "a"});
  REQUIRE(x.models.size() == 3);
  CHECK(x.models[0].who.model == "m");
  CHECK(is_in_memory(x.models[0]));
  CHECK(x.models[0].queued == 7);
  CHECK(x.models[1].who.model == "n");
  CHECK_FALSE(is_in_memory(x.models[1]));
  CHECK(x.models[1].load_time == 30ms);
  CHECK(total(x.models[1].needs) == 40);
  CHECK(x.models[2].pinned);
  CHECK(x.queued == 7);
}

TEST_CASE("a service that does not run offers nothing") {
  auto node = one_node();
  CHECK(self_report(node, {.name = "a"}).catalog.size() == 2);
  CHECK(self_report(node, {.name = "a"}).catalog[0].is_default);
  node.services[0].state = service_state::restarting;
  CHECK(self_report(node, {.name = "a"}).catalog.empty());
}

TEST_CASE("before anything was measured a model needs what its catalog says of its lowest tier that serves") {
  model_info x{.id = "m", .name = "M", .memory_estimate = 1000};
  CHECK(catalog_needs(x) == std::vector<device_bytes>{{"host", 1000}});
  x.tiers = {{tier::host, "host", 10, false}, {tier::device, "cuda:0", 20, true}};
  CHECK(total(catalog_needs(x)) == 20);
}
