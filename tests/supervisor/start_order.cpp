#include "support/catch.hpp"

#include <vef/supervisor/start_order.hpp>

#include <algorithm>
#include <random>

using namespace vef;

namespace {

service_spec spec(std::string name, std::vector<std::string> needs = {}, int priority = 5) {
  service_spec x{.name = std::move(name)};
  x.dependencies = std::move(needs);
  x.startup_priority = priority;
  return x;
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("a service starts after all that it depends on") {
  CHECK(start_order(std::vector{spec("a", {"b", "c"}), spec("b", {"c"}), spec("c")}) == names{"c", "b", "a"});
}

TEST_CASE("a lower priority starts first where dependencies allow") {
  CHECK(start_order(std::vector{spec("late", {}, 9), spec("early", {}, 1), spec("mid")})
        == names{"early", "mid", "late"});
  CHECK(start_order(std::vector{spec("early", {"base"}, 1), spec("base", {}, 9), spec("mid")})
        == names{"mid", "base", "early"});
}

TEST_CASE("services of one priority start in the order of their names") {
  CHECK(start_order(std::vector{spec("b"), spec("c"), spec("a")}) == names{"a", "b", "c"});
}

TEST_CASE("no services are no error") { CHECK(start_order({}) == names{}); }

TEST_CASE("a cycle is refused and named") {
  auto order = start_order(std::vector{spec("x"), spec("a", {"b"}), spec("b", {"c"}), spec("c", {"a", "x"})});
  REQUIRE_FALSE(order);
  CHECK(order.error().code == errc::invalid_config);
  CHECK(order.error().what == "services depend on each other in a circle: a -> b -> c -> a");
  CHECK(start_order(std::vector{spec("me", {"me"})}).error().what
        == "services depend on each other in a circle: me -> me");
}

TEST_CASE("a cycle behind a tail is named without the tail") {
  auto order = start_order(std::vector{spec("a", {"y"}), spec("y", {"z"}), spec("z", {"y"})});
  REQUIRE_FALSE(order);
  CHECK(order.error().what == "services depend on each other in a circle: y -> z -> y");
}

TEST_CASE("an unknown dependency and a duplicate name are refused by name") {
  auto unknown = start_order(std::vector{spec("config"), spec("a", {"cnofig"})});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == errc::unknown_service);
  CHECK(unknown.error().what == "service 'a' depends on an unknown service 'cnofig'; did you mean 'config'?");
  CHECK(start_order(std::vector{spec("a"), spec("a")}).error().code == errc::duplicate_name);
}

TEST_CASE("any graph without a cycle is ordered so that needs come first") {
  std::mt19937 random{3};
  for (int round = 0; round < 200; ++round) {
    std::vector<service_spec> specs;
    auto count = 1 + random() % 12;
    for (std::size_t i = 0; i < count; ++i) {
      auto& x = specs.emplace_back(spec("s" + std::to_string(i), {}, static_cast<int>(random() % 3)));
      for (std::size_t k = 0; k < i; ++k) // needs only earlier ones: no cycle
        if (random() % 3 == 0) x.dependencies.push_back("s" + std::to_string(k));
    }
    std::ranges::shuffle(specs, random);
    auto order = start_order(specs);
    REQUIRE(order);
    REQUIRE(order->size() == count);
    auto place = [&](const std::string& name) { return std::ranges::find(*order, name) - order->begin(); };
    for (const auto& x : specs)
      for (const auto& need : x.dependencies) REQUIRE(place(need) < place(x.name));
  }
}
