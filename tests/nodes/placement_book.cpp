#include "support/catch.hpp"

#include <vef/nodes/placement_book.hpp>

using namespace vef;
using namespace std::chrono_literals;

namespace {

struct owner : placement_book {
  time_point now{};

  owner()
      : placement_book{2min} {}

  void decide(const std::string& model, const std::string& node,
              std::vector<device_bytes> needs = {{"host", 100}}) {
    placement_book::decide(model, {.node = node, .service = "s"}, std::move(needs), now);
  }
  std::string joined(const std::string& model, const std::string& service = "") const {
    auto x = under_way({service, model}, now);
    return x ? x->node + (x->joined ? ", joined" : "") : "none";
  }
  std::uint64_t set_aside(const std::string& node) const { return total(pending(node, now)); }
};

} // namespace

TEST_CASE("a second request for a model joins the load that was decided for the first") {
  owner x;
  CHECK(x.joined("clip") == "none");
  x.decide("clip", "a");
  CHECK(x.joined("clip") == "a, joined");
  CHECK(x.joined("clip", "s") == "a, joined");
  CHECK(x.joined("clip", "t") == "none");
  CHECK(x.joined("dino") == "none");
  CHECK(x.loading("a", {"s", "clip"}, x.now));
  CHECK_FALSE(x.loading("a", {"t", "clip"}, x.now));
  CHECK_FALSE(x.loading("b", {"s", "clip"}, x.now));
}

TEST_CASE("what is decided and not reported is set aside, device by device and node by node") {
  owner x;
  x.decide("clip", "a", {{"host", 10}, {"cuda:0", 200}});
  x.decide("dino", "a", {{"cuda:0", 300}});
  x.decide("vit", "b", {{"host", 7}});
  CHECK(x.pending("a", x.now) == std::vector<device_bytes>{{"host", 10}, {"cuda:0", 500}});
  CHECK(x.set_aside("b") == 7);
  CHECK(x.set_aside("c") == 0);
}

TEST_CASE("the same decision made again is set aside once") {
  owner x;
  x.decide("clip", "a");
  x.now += 90s;
  x.decide("clip", "a", {{"host", 120}});
  CHECK(x.set_aside("a") == 120);
  x.now += 90s; // its time starts anew
  CHECK(x.joined("clip") == "a, joined");
}

TEST_CASE("a decision is done with once the node reports the model, refuses it or leaves") {
  owner x;
  auto what = GENERATE(0, 1, 2);
  x.decide("clip", "a");
  x.decide("clip", "b");
  x.decide("dino", "b");
  if (what == 0) x.seen("a", {"s", "clip"});
  if (what == 1) x.refused("a", {"", "clip"}); // as a request says that left the service open
  if (what == 2) x.forget_node("a");
  CHECK(x.set_aside("a") == 0);
  CHECK(x.joined("clip") == "b, joined");
  CHECK(x.set_aside("b") == 200);
}

TEST_CASE("what another service or a stranger reports leaves a decision as it is") {
  owner x;
  x.decide("clip", "a");
  x.seen("a", {"t", "clip"});
  x.seen("a", {"s", "dino"});
  x.refused("b", {"s", "clip"});
  x.forget_node("b");
  CHECK(x.set_aside("a") == 100);
}

TEST_CASE("a decision that nobody carries out is forgotten after its time") {
  owner x;
  x.decide("clip", "a");
  x.now += 2min - 1ms;
  CHECK(x.set_aside("a") == 100);
  CHECK(x.joined("clip") == "a, joined");
  x.now += 1ms;
  CHECK(x.set_aside("a") == 0);
  CHECK(x.joined("clip") == "none");
  CHECK_FALSE(x.loading("a", {"s", "clip"}, x.now));
  x.decide("dino", "a");
  CHECK(x.set_aside("a") == 100);
}
