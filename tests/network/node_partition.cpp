// A network that falls apart and comes together again, under load: nodes in networks of their own on this
// machine.
#include "network/node_fixture.hpp"
#include "network/split_network.hpp"
#include "support/skip.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<split_network> network_of(int nodes) {
  try {
    return std::make_unique<split_network>(nodes);
  } catch (const std::runtime_error& why) {
    report_skipped(why.what());
    return nullptr;
  }
}

void start_three(node_fixture& all, const split_network& network) {
  auto tls = all.member("three", {network.host(0), network.host(1), network.host(2)});
  test_node_options x{.tls = tls};
  for (int i = 0; i < 3; ++i) {
    x.name = std::string(1, static_cast<char>('a' + i));
    x.listen = network.host(i) + ":0";
    all.start(x, network.of(i));
    x.join = {"a"};
  }
  REQUIRE(comes([&] { return all.agree({"a", "b", "c"}); }));
}

void load_everywhere(client& by) {
  for (const std::string node : {"a", "b", "c"})
    REQUIRE(by.ask<model_status>(by.front(), load_atom_v, node, std::string{"numbered"}, std::string{"a"}));
}

} // namespace

TEST_CASE("a node that is cut off is done without, and is one of them again when the network is whole") {
  auto again = GENERATE(replay::elsewhere, replay::never);
  auto network = network_of(3);
  if (!network) return;
  node_fixture all;
  start_three(all, *network);
  auto by = all.connect({"a"});
  load_everywhere(*by);
  load work{*by, {.options = {.replay = again}}};
  auto more = [&] { return comes([&, so_far = work.done()] { return work.done() >= so_far + 30; }); };
  REQUIRE(more());
  network->cut(2);
  CHECK(comes([&] { return all.agree({"a", "b"}); }));
  CHECK(more());
  network->mend(2);
  CHECK(comes([&] { return all.agree({"a", "b", "c"}); }));
  auto before = all.begun({"c"}).size();
  CHECK(comes([&] { return all.begun({"c"}).size() > before; }));
  auto end = work.stop();
  INFO(end);
  CHECK(end.sound());
  if (again == replay::elsewhere) CHECK(end.errors.empty());
  std::uint32_t most = 0; // times that one of the pictures was begun
  for (const auto& [number, times] : all.begun({"a", "b", "c"})) most = std::max(most, times);
  if (again == replay::never) CHECK(most == 1);
}
