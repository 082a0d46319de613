#include "support/catch.hpp"

#include <vef/nodes/placement.hpp>

#include <rapidcheck.h>

#include <algorithm>
#include <map>

using namespace vef;
using namespace std::chrono_literals;

namespace {

using words = std::vector<std::string>;
using all = std::vector<place_candidate>;

/// A node that is well, offers the model, and has 8 GiB of which nothing is used.
place_candidate node(const std::string& name) {
  return {.node = name,
          .service = "s",
          .offers = true,
          .usable = true,
          .needs = {{"host", 2_GiB}},
          .devices = {{.device = "host", .capacity = 8_GiB, .room = 8_GiB}},
          .image_time = 10ms};
}

place_candidate with_room(const std::string& name, std::uint64_t room, std::uint64_t idle = 0) {
  auto x = node(name);
  x.devices[0].room = room;
  x.devices[0].idle = idle;
  return x;
}

place_candidate ready(const std::string& name, std::uint32_t queued = 0) {
  auto x = node(name);
  x.ready = true;
  x.queued = queued;
  return x;
}

place_candidate unusable(const std::string& name, const std::string& why) {
  auto x = node(name);
  x.usable = false;
  x.why_not = why;
  return x;
}

place_candidate read_only(const std::string& name) {
  auto x = node(name);
  x.may_load = false;
  return x;
}

place_candidate labelled(const std::string& name, const words& labels) {
  auto x = node(name);
  x.labels = labels;
  return x;
}

const place_request clip{.model = "clip"};

/// The chosen node, or the error as "code: text".
std::string chosen(const all& from, const place_request& asked = clip, const placement_rule* rule = nullptr) {
  auto out = choose_load(from, asked, rule);
  return out ? from[*out].node : std::string{to_string(out.error().code)} + ": " + out.error().what;
}

/// How often each is chosen in a thousand routes.
std::map<std::string, int> routes(const all& from, const place_request& wish = {}) {
  std::mt19937_64 dice{7};
  std::map<std::string, int> out;
  for (int i = 0; i < 1000; ++i)
    if (auto x = choose_route(from, 1, dice, wish)) ++out[from[x->candidate].node];
  return out;
}

words members(int count) {
  words out;
  for (int i = 0; i < count; ++i) out.push_back("node-" + std::to_string(i) + ".example.org:7400");
  return out;
}

} // namespace

// -- rules --------------------------------------------------------------------------------------------------

TEST_CASE("the first placement rule whose pattern fits a model counts") {
  std::vector<placement_rule> rules{{.model = "clip-*"}, {.model = "*/dinov2*"}, {.model = "clip-b"},
                                    {.model = "a*b*c"},  {.model = "exact"},     {.model = ""}};
  auto fits = [&](std::string_view model) {
    auto x = rule_for(rules, model);
    return x ? x->model : "none";
  };
  CHECK(fits("clip-") == "clip-*");
  CHECK(fits("clip-b") == "clip-*");
  CHECK(fits("clip") == "none");
  CHECK(fits("facebook/dinov2-small") == "*/dinov2*");
  CHECK(fits("aXbXbXc") == "a*b*c");
  CHECK(fits("abcb") == "none");
  CHECK(fits("exact") == "exact");
  CHECK(fits("exactly") == "none");
  CHECK(fits("").empty());
}

TEST_CASE("a pattern of many stars is matched in time that does not explode") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  std::vector<placement_rule> rules{{.model = pattern + "b"}};
  CHECK_FALSE(rule_for(rules, std::string(5000, 'a')));
}

// -- owners -------------------------------------------------------------------------------------------------

TEST_CASE("nobody owns a model where there is nobody") { CHECK(owner_of("clip", {}).empty()); }

TEST_CASE("a model's owner is the same on every machine and in every release of one protocol") {
  CHECK(owner_of("clip", words{"a", "b", "c", "d"}) == "c");
  CHECK(owner_of("facebook/dinov2-small", words{"a", "b", "c", "d"}) == "c");
  CHECK(owner_of("", words{"a", "b", "c", "d"}) == "b");
}

TEST_CASE("models are owned evenly by nodes whose names hardly differ") {
  auto nodes = members(20);
  std::map<std::string, int> owned;
  for (int i = 0; i < 20000; ++i) ++owned[owner_of("model-" + std::to_string(i), nodes)];
  REQUIRE(owned.size() == 20);
  for (const auto& [name, count] : owned) { // 1000 each, of which the standard deviation is 31
    CHECK(count > 850);
    CHECK(count < 1150);
  }
}

TEST_CASE("a node that leaves changes the owners of its own models alone, whatever the order of names") {
  REQUIRE(rc::check([] {
    auto nodes = members(*rc::gen::inRange(1, 30));
    auto model = *rc::gen::arbitrary<std::string>();
    auto before = owner_of(model, nodes);
    RC_ASSERT(std::ranges::count(nodes, before) == 1);
    auto left = *rc::gen::elementOf(nodes);
    std::erase(nodes, left);
    std::shuffle(nodes.begin(), nodes.end(), std::mt19937{*rc::gen::arbitrary<std::uint32_t>()});
    auto after = owner_of(model, nodes);
    if (left != before) RC_ASSERT(after == before);
  }));
}

// -- routes -------------------------------------------------------------------------------------------------

TEST_CASE("a request goes only to nodes that are usable and have the model ready") {
  auto sick = unusable("sick", "it is unhealthy");
  sick.ready = true;
  auto loads = node("loads");
  loads.loading = true;
  CHECK(routes({sick, loads, node("without")}).empty());
  CHECK(routes({sick, loads, ready("good", 1000)}) == std::map<std::string, int>{{"good", 1000}});
}

TEST_CASE("of two nodes the one that is done sooner is chosen, counted in time and not in pictures") {
  auto quick = ready("quick", 20), slow = ready("slow", 10);
  slow.image_time = 50ms;
  std::mt19937_64 dice{1};
  auto best = choose_route(all{slow, quick}, 4, dice);
  REQUIRE(best);
  CHECK(best->candidate == 1);
  CHECK(best->wait == 240ms);
  CHECK(routes({slow, quick}) == std::map<std::string, int>{{"quick", 1000}});
}

TEST_CASE("a node whose speed is not known is taken to be as fast as the mean of the others") {
  auto a = ready("a"), b = ready("b"), fresh = ready("new");
  a.image_time = 10ms, b.image_time = 30ms, fresh.image_time = 0ms;
  std::mt19937_64 dice{1};
  CHECK(choose_route(all{fresh}, 3, dice)->wait == 60ms); // alone, by the usual time
  a.ready = b.ready = false;
  CHECK(choose_route(all{a, b, fresh}, 3, dice)->wait == 60ms);
  b.image_time = 50ms;
  CHECK(choose_route(all{a, b, fresh}, 3, dice)->wait == 90ms);
}

TEST_CASE("between two that are equally good, this node is chosen") {
  auto here = ready("here");
  here.here = true;
  CHECK(routes({ready("there"), here}) == std::map<std::string, int>{{"here", 1000}});
}

TEST_CASE("among nodes that are equally good each gets its share") {
  auto counts = routes({ready("a"), ready("b"), ready("c"), ready("d")});
  for (auto name : {"a", "b", "c", "d"}) CHECK(counts[name] > 200);
}

TEST_CASE("of many nodes two are compared, so that not all requests go to the least busy one") {
  auto counts = routes({ready("idle", 0), ready("b", 1), ready("c", 2), ready("full", 3)});
  CHECK(counts["idle"] > 420); // drawn with a chance of one half, and chosen whenever drawn
  CHECK(counts["idle"] < 580);
  CHECK(counts["b"] > counts["c"]);
  CHECK(counts["full"] == 0); // of any two the other is better
}

TEST_CASE("routes keep to the service, node and labels of a request and leave out nodes that refused") {
  auto a = ready("a"), b = ready("b");
  a.labels = {"gpu", "rack-1"}, b.labels = {"gpu"}, b.service = "t";
  CHECK(routes({a, b}, {.model = {}, .node = "b"}).count("a") == 0);
  CHECK(routes({a, b}, {.model = {}, .labels = {"rack-1", "gpu"}}).count("b") == 0);
  CHECK(routes({a, b}, {.service = "t", .model = {}}).count("a") == 0);
  CHECK(routes({a, b}, {.model = {}, .refused_by = {"a"}}).count("a") == 0);
  CHECK(routes({a, b}, {.model = {}, .refused_by = {"a", "b"}}).empty());
}

TEST_CASE("absurd numbers in a report make a long wait and not a negative one") {
  auto x = ready("a", 0xffffffff);
  x.image_time = std::chrono::microseconds::max();
  std::mt19937_64 dice{1};
  CHECK(choose_route(all{x}, 0xffffffff, dice)->wait > 24h);
}

// -- loads --------------------------------------------------------------------------------------------------

TEST_CASE(
    "a load goes to a node that has the model or loads it, then to one with room, then to one that evicts") {
  auto evicts = with_room("evicts", 1_GiB, 2_GiB), fits = with_room("fits", 2_GiB);
  auto loads = with_room("loads", 0), has = with_room("has", 0);
  loads.loading = has.ready = true;
  for (auto x : {&fits, &loads, &has}) x->queued = 1000; // which counts only among equals
  CHECK(chosen({evicts, fits, loads, has}) == "has");
  CHECK(chosen({evicts, fits, loads}) == "loads");
  CHECK(chosen({evicts, fits}) == "fits");
  CHECK(chosen({evicts}) == "evicts");
}

TEST_CASE(
    "among nodes with room the least busy one loads, then the emptiest, then this one, then the first") {
  auto a = node("a"), b = node("b"), c = node("c");
  CHECK(chosen({c, b, a}) == "a");
  c.here = true;
  CHECK(chosen({a, b, c}) == "c");
  c.devices[0].room -= 1;
  CHECK(chosen({a, b, c}) == "a");
  a.queued = 3, b.queued = 2;
  CHECK(chosen({a, b, c}) == "c");
  c.queued = 1, c.image_time = 50ms;
  CHECK(chosen({a, b, c}) == "b");
}

TEST_CASE("room that is set aside for earlier decisions is no room") {
  auto a = with_room("a", 3_GiB), b = with_room("b", 2_GiB);
  CHECK(chosen({a, b}) == "a");
  a.pending = {{"host", 1_GiB}, {"host", 1_GiB}};
  CHECK(chosen({a, b}) == "b");
}

TEST_CASE("a model fits where each of its devices has room") {
  auto x = with_room("a", 2_GiB);
  x.needs = {{"host", 1_GiB}, {"cuda:0", 4_GiB}};
  CHECK(chosen({x})
        == "over_budget: no node has room for model 'clip': node 'a' has no device 'cuda:0', "
           "needs 4.00 GiB there");
  x.devices.push_back({.device = "cuda:0", .capacity = 8_GiB, .room = 4_GiB});
  CHECK(chosen({x}) == "a");
  x.devices[1].room = 3_GiB;
  CHECK(chosen({x})
        == "over_budget: no node has room for model 'clip': node 'a' has 3.00 GiB free and 0 B idle "
           "of 8.00 GiB on cuda:0, needs 4.00 GiB");
}

TEST_CASE("where no node has room the error tells what each has") {
  auto a = with_room("a", 1_GiB, 512_MiB), b = with_room("b", 2_GiB);
  b.pending = {{"host", 1_GiB}};
  CHECK(chosen({a, b, unusable("c", "it can't be reached")})
        == "over_budget: no node has room for model 'clip': node 'a' has 1.00 GiB free and 512 MiB idle of "
           "8.00 GiB "
           "on host, needs 2.00 GiB; node 'b' has 1.00 GiB free and 0 B idle of 8.00 GiB on host, needs 2.00 "
           "GiB; "
           "node 'c': it can't be reached");
}

TEST_CASE("an error about hundreds of nodes tells of the first few") {
  all many;
  for (int i = 0; i < 100; ++i) many.push_back(with_room("n" + std::to_string(i), 0));
  auto text = chosen(many);
  CHECK(text.ends_with("; and so on at 92 more"));
  CHECK(text.size() < 1000);
}

TEST_CASE("a load keeps to the node and the labels of a request, and to its service") {
  auto a = labelled("a", {"gpu", "rack-1"}), b = labelled("b", {"gpu"}), c = labelled("c", {"rack-1"});
  b.service = "t";
  CHECK(chosen({a, b, c}, {.model = "clip", .node = "c"}) == "c");
  CHECK(chosen({c, b, a}, {.model = "clip", .labels = {"rack-1", "gpu"}}) == "a");
  CHECK(chosen({a, b, c}, {.service = "t", .model = "clip"}) == "b");
}

TEST_CASE("a node or a label that is nowhere is an error that names those that are") {
  auto a = labelled("a", {"gpu", "rack-1"}), b = labelled("b", {"rack-2"});
  CHECK(chosen({a, b}, {.model = "clip", .node = "x"})
        == "invalid_argument: there is no node 'x'; there are 'a', 'b'");
  CHECK(chosen({a, b}, {.model = "clip", .labels = {"tpu"}})
        == "invalid_argument: no node has the label 'tpu'; there are 'gpu', 'rack-1', 'rack-2'");
  CHECK(chosen({node("a")}, {.model = "clip", .labels = {"tpu"}})
        == "invalid_argument: no node has the label 'tpu' nor any other");
  CHECK(chosen({a, b}, {.model = "clip", .labels = {"gpu", "rack-2"}})
        == "invalid_argument: no node has all of the labels 'gpu', 'rack-2'");
  CHECK(chosen({a, b}, {.model = "clip", .node = "b", .labels = {"gpu"}})
        == "invalid_argument: node 'b' does not have all of the labels 'gpu'");
}

TEST_CASE("a model that no node offers is unknown, and where others offer it they are named") {
  auto without = labelled("a", {"gpu"});
  without.offers = false;
  CHECK(chosen({}) == "unknown_model: no node offers model 'clip'");
  CHECK(chosen({without}) == "unknown_model: no node offers model 'clip'");
  CHECK(chosen({without, node("b")}, {.model = "clip", .node = "a"})
        == "unknown_model: node 'a' does not offer model 'clip'; offered by 'b'");
  CHECK(chosen({without, node("b")}, {.model = "clip", .labels = {"gpu"}})
        == "unknown_model: no node with these labels offers model 'clip'; offered by 'b'");
  CHECK(chosen({node("b")}, {.service = "t", .model = "clip"})
        == "unknown_model: no node offers model 'clip' of service 't'");
}

TEST_CASE("read-only nodes load nothing for others, and yet serve what they have") {
  auto a = read_only("a"), b = read_only("b");
  CHECK(
      chosen({a, b})
      == "not_allowed: no node lets others load model 'clip': node 'a' is read-only; node 'b' is read-only");
  CHECK(chosen({a, node("c")}) == "c");
  b.ready = true;
  CHECK(chosen({a, b, node("c")}) == "b");
}

TEST_CASE("where all that offer a model can't be used, it is said why of each") {
  CHECK(chosen({unusable("a", "it can't be reached"), unusable("b", ""), node("c"), read_only("d")},
               {.model = "clip", .refused_by = {"c"}})
        == "unavailable: no node can be used that offers model 'clip': node 'a': it can't be reached; node "
           "'b' can't "
           "be used; node 'c' was tried and could not; node 'd' is read-only");
}

TEST_CASE("a rule keeps a model on its nodes and on nodes with its labels") {
  auto a = labelled("a", {"gpu"}), b = labelled("b", {"gpu", "big"}), c = labelled("c", {});
  placement_rule nodes{.model = "*", .nodes = {"b", "c"}}, labels{.model = "*", .labels = {"big", "gpu"}};
  CHECK(chosen({a, b, c}) == "a");
  CHECK(chosen({a, b, c}, clip, &nodes) == "b");
  CHECK(chosen({a, b, c}, clip, &labels) == "b");
  CHECK(chosen({a, c}, clip, &labels)
        == "unavailable: the placement rule '*' allows none of the nodes that offer model 'clip'");
}

TEST_CASE("a replica goes to a node that has none, and evicts nobody for it") {
  place_request more{.model = "clip", .replica = true};
  auto other = with_room("a", 8_GiB);
  other.service = "t"; // of the node that has the model in another service
  CHECK(chosen({ready("a"), other, with_room("b", 3_GiB), with_room("c", 4_GiB)}, more) == "c");
  CHECK(
      chosen({ready("a"), with_room("b", 1_GiB, 7_GiB)}, more)
      == "over_budget: no node has room for one more of model 'clip': node 'a' has it already; node 'b' has "
         "1.00 GiB free and 7.00 GiB idle of 8.00 GiB on host, needs 2.00 GiB");
}

TEST_CASE("there are no more replicas than the rule says, loading ones included and lost ones not") {
  place_request more{.model = "clip", .replica = true};
  auto loads = node("b"), lost = unusable("d", "it can't be reached");
  loads.loading = lost.ready = true;
  placement_rule two{.model = "*", .replicas = 2}, three{.model = "*", .replicas = 3};
  CHECK(chosen({ready("a"), loads, node("c"), lost}, more, &two)
        == "over_budget: model 'clip' may have 2 replicas, and is at 'a', 'b'");
  CHECK(chosen({ready("a"), loads, node("c"), lost}, more, &three) == "c");
  CHECK(chosen({ready("a"), loads, ready("e"), ready("f"), node("c")}, more).starts_with("over_budget"));
}

TEST_CASE("a load never goes where it was not to go, and never where there is no room for it") {
  REQUIRE(rc::check([] {
    auto any = [](int from, int to) {
      return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(from, to));
    };
    auto once_in = [&](int n) { return any(0, n) == 0; };
    auto some = [&](const words& from) {
      words out;
      for (const auto& x : from)
        if (once_in(3)) out.push_back(x);
      return out;
    };
    auto bytes = [&] { return static_cast<std::uint64_t>(any(0, 12)); };
    const words names{"a", "b", "c", "d", "e"}, labels{"x", "y"};
    all from;
    for (const auto& name : names)
      for (auto service : {"s", "t"}) {
        if (once_in(3)) continue;
        from.push_back({.node = name,
                        .service = service,
                        .offers = !once_in(6),
                        .usable = !once_in(6),
                        .may_load = !once_in(6),
                        .ready = once_in(12),
                        .loading = once_in(12),
                        .needs = {{"host", bytes()}, {"cuda:0", bytes()}},
                        .labels = some(labels)});
        auto& x = from.back();
        for (auto device : {"host", "cuda:0"}) {
          if (!once_in(8))
            x.devices.push_back({.device = device, .capacity = 30, .room = bytes(), .idle = bytes()});
          if (once_in(3)) x.pending.push_back({device, bytes()});
        }
        x.queued = static_cast<std::uint32_t>(any(0, 3));
      }
    auto now_and_then = [&](const words& x) { return once_in(3) ? some(x) : words{}; };
    place_request asked{.service = once_in(3) ? "s" : "",
                        .model = "m",
                        .node = once_in(6) ? "a" : "",
                        .labels = now_and_then(labels),
                        .refused_by = some(names),
                        .replica = once_in(3)};
    placement_rule rule{.model = "*",
                        .nodes = now_and_then(names),
                        .labels = now_and_then(labels),
                        .replicas = static_cast<std::uint32_t>(any(1, 8))};
    auto ruled = once_in(2);
    auto got = choose_load(from, asked, ruled ? &rule : nullptr);
    RC_CLASSIFY(got.has_value());
    if (!got) return RC_ASSERT(!got.error().what.empty());

    const auto& x = from.at(*got);
    auto has_all = [&](const words& wanted) {
      return std::ranges::all_of(wanted, [&](const auto& y) { return std::ranges::count(x.labels, y) > 0; });
    };
    RC_ASSERT((x.offers && x.usable));
    RC_ASSERT((asked.service.empty() || x.service == asked.service));
    RC_ASSERT((asked.node.empty() || x.node == asked.node));
    RC_ASSERT(has_all(asked.labels));
    RC_ASSERT(std::ranges::count(asked.refused_by, x.node) == 0);
    if (ruled) RC_ASSERT(has_all(rule.labels));
    if (ruled) RC_ASSERT((rule.nodes.empty() || std::ranges::count(rule.nodes, x.node) > 0));
    auto has_it = x.ready || x.loading;
    RC_ASSERT(!(asked.replica && has_it));
    if (has_it) return;
    RC_ASSERT(x.may_load);
    for (const auto& need : x.needs) {
      auto taken = need.bytes;
      for (const auto& y : x.pending)
        if (y.device == need.device) taken += y.bytes;
      std::uint64_t room = 0;
      for (const auto& y : x.devices)
        if (y.device == need.device) room += y.room + (asked.replica ? 0 : y.idle);
      if (need.bytes > 0) RC_ASSERT(taken <= room);
    }
  }));
}

// -- replicas -----------------------------------------------------------------------------------------------

TEST_CASE("a replica pays off once waiting costs about as much as loading it, and not for a moment's burst") {
  CHECK_FALSE(pays_off({.wait = 500ms}, 100ms));
  CHECK(pays_off({.wait = 501ms}, 100ms));
  CHECK(pays_off({.wait = 501ms}, 0ms));
  CHECK_FALSE(pays_off({.wait = 2s}, 4s));
  CHECK(pays_off({.wait = 2001ms}, 4s));
  CHECK(pays_off({.wait = 2s}, 4s, {.share = 0.25}));
}
