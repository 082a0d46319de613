#include "support/catch.hpp"

#include <vef/actors/restart_policy.hpp>

#include <algorithm>
#include <limits>
#include <vector>

using namespace vef;
using namespace std::chrono_literals;

namespace {

using std::chrono::milliseconds;

constexpr restart_policy::time_point start{1000h};
constexpr auto century = milliseconds{24h * 36500};
constexpr auto no_limit = std::numeric_limits<std::uint32_t>::max();

/// The pauses after `count` deaths, a second apart.
std::vector<milliseconds> pauses(const restart_rules& rules, int count, std::uint64_t seed) {
  restart_policy policy{rules, seed};
  std::vector<milliseconds> out;
  for (int i = 0; i < count; ++i) out.push_back(policy.died(start + i * 1s).value());
  return out;
}

/// The shortest and the longest pause after death number `death`, of many policies.
std::pair<milliseconds, milliseconds> extremes(const restart_rules& rules, int death) {
  std::pair out{milliseconds::max(), milliseconds::min()};
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    auto x = pauses(rules, death, seed).back();
    out = {std::min(out.first, x), std::max(out.second, x)};
  }
  return out;
}

bool between(milliseconds low, milliseconds x, milliseconds high) { return low <= x && x <= high; }

bool valid(restart_rules x) { return validate(x).has_value(); }

std::string refusal(restart_rules x) {
  auto good = validate(x);
  return good ? "" : describe(good.error());
}

} // namespace

TEST_CASE("the pause doubles with each death and stops at the longest") {
  auto xs = pauses({.first_pause = 200ms, .longest_pause = 1500ms, .most = 6}, 6, 1);
  CHECK(between(100ms, xs[0], 200ms));
  CHECK(between(200ms, xs[1], 400ms));
  CHECK(between(400ms, xs[2], 800ms));
  CHECK(between(750ms, xs[3], 1500ms));
  CHECK(between(750ms, xs[4], 1500ms));
  CHECK(between(750ms, xs[5], 1500ms));
}

TEST_CASE("pauses are drawn from the whole upper half and from nowhere else") {
  for (int death : {1, 3}) {
    auto whole = 200ms * (1 << (death - 1));
    auto [low, high] = extremes({.first_pause = 200ms}, death);
    CHECK(between(whole / 2, low, whole / 2 + whole / 20));
    CHECK(between(whole - whole / 20, high, whole));
  }
}

TEST_CASE("the half of an odd pause is not rounded down") {
  CHECK(extremes({.first_pause = 3ms}, 1) == std::pair{2ms, 3ms});
  CHECK(extremes({.first_pause = 1ms}, 1) == std::pair{1ms, 1ms});
}

TEST_CASE("no first pause means that it is started again at once") {
  CHECK(pauses({.first_pause = 0ms, .longest_pause = 0ms}, 5, 1) == std::vector(5, 0ms));
  CHECK(pauses({.first_pause = 0ms}, 5, 1) == std::vector(5, 0ms));
}

TEST_CASE("those that died together come back apart, and a seed repeats itself") {
  CHECK(pauses({}, 5, 1) == pauses({}, 5, 1));
  CHECK(pauses({}, 5, 1) != pauses({}, 5, 2));
  // Without a seed each has its own: twenty draws of the same pauses would be less likely than a broken
  // machine.
  restart_rules patient{.first_pause = 100h, .longest_pause = 100h, .most = 20};
  restart_policy one{patient}, other{patient};
  auto same = 0;
  for (int i = 0; i < 20; ++i) same += one.died(start) == other.died(start);
  CHECK(same < 20);
}

TEST_CASE("what dies more often than allowed within the window is given up") {
  restart_policy policy{{.most = 2, .window = 60s}, 1};
  CHECK(policy.died(start));
  CHECK(policy.died(start + 59s));
  CHECK_FALSE(policy.died(start + 60s));
  CHECK(policy.restarts() == 2);
}

TEST_CASE("what was given up stays so until it is reset or the window is quiet") {
  restart_policy policy{{.most = 1, .window = 60s}, 1};
  CHECK(policy.died(start));
  CHECK_FALSE(policy.died(start + 1s));
  CHECK_FALSE(policy.died(start + 61s)); // the death that gave it up counts as well
  policy.reset();
  CHECK(policy.died(start + 61s));
  CHECK_FALSE(policy.died(start + 62s));
  auto pause = policy.died(start + 123s);
  REQUIRE(pause);
  CHECK(*pause <= 200ms);
  CHECK(policy.restarts() == 3);
}

TEST_CASE("no restarts allowed means given up at the first death") {
  restart_policy policy{{.most = 0}, 1};
  CHECK_FALSE(policy.died(start));
  policy.reset();
  CHECK_FALSE(policy.died(start));
  CHECK(policy.restarts() == 0);
}

TEST_CASE("a service that ran quietly for the window starts over with the first pause") {
  restart_policy policy{{.first_pause = 200ms, .most = 3, .window = 60s}, 1};
  for (int i = 0; i < 3; ++i) CHECK(policy.died(start));
  auto pause = policy.died(start + 60s + 1ns);
  REQUIRE(pause);
  CHECK(*pause <= 200ms);
  CHECK(policy.restarts() == 4);
}

TEST_CASE("a reset clears the deaths but not the count of restarts") {
  restart_policy policy{{.first_pause = 200ms}, 1};
  for (int i = 0; i < 4; ++i) CHECK(policy.died(start));
  policy.reset();
  auto pause = policy.died(start);
  REQUIRE(pause);
  CHECK(*pause <= 200ms);
  CHECK(policy.restarts() == 5);
}

TEST_CASE("no number of deaths makes the pause overflow") {
  for (auto longest : {30000ms, century}) {
    restart_policy policy{
        {.first_pause = 1ms, .longest_pause = longest, .most = no_limit, .window = century}};
    std::optional<milliseconds> pause;
    for (int i = 0; i < 300; ++i) {
      pause = policy.died(start);
      REQUIRE(pause);
      REQUIRE(between(1ms, *pause, longest));
    }
    CHECK(*pause >= longest / 2);
  }
}

TEST_CASE("whatever the rules, a pause is in the upper half of a limit that never falls") {
  std::mt19937_64 random{7};
  for (int round = 0; round < 500; ++round) {
    restart_rules rules{.first_pause = milliseconds{random() % 5000}, .most = no_limit};
    rules.longest_pause = rules.first_pause + milliseconds{random() % 100000};
    auto whole = rules.first_pause;
    for (auto pause : pauses(rules, 30, random())) {
      REQUIRE(2 * pause >= whole);
      REQUIRE(pause <= whole);
      whole = std::min(2 * whole, rules.longest_pause);
    }
  }
}

TEST_CASE("whenever it dies, no window has more restarts than allowed, and it is given up for no less") {
  std::mt19937_64 random{5};
  auto given_up = 0;
  for (int round = 0; round < 1000; ++round) {
    restart_rules rules{.most = static_cast<std::uint32_t>(random() % 6),
                        .window = milliseconds{1 + random() % 1000}};
    restart_policy policy{rules, random()};
    std::vector<restart_policy::time_point> deaths;
    std::uint64_t restarts = 0;
    for (auto now = start; deaths.size() < 50; now += milliseconds{random() % 400}) {
      deaths.push_back(now);
      auto recent = std::ranges::count_if(deaths, [&](auto x) { return now - x <= rules.window; });
      auto pause = policy.died(now);
      REQUIRE(pause.has_value() == (recent <= static_cast<std::int64_t>(rules.most)));
      REQUIRE(policy.restarts() == (pause ? restarts + 1 : restarts));
      restarts = policy.restarts();
      given_up += !pause;
    }
  }
  CHECK(given_up > 1000);
  CHECK(given_up < 49000);
}

TEST_CASE("restart rules that make no sense are refused") {
  CHECK(valid({}));
  CHECK(valid({.first_pause = 0ms, .longest_pause = 0ms, .most = 0, .window = 1ms}));
  CHECK(valid({.first_pause = century, .longest_pause = century, .most = no_limit, .window = century}));
  CHECK_FALSE(valid({.first_pause = -1ms}));
  CHECK_FALSE(valid({.first_pause = milliseconds::min(), .longest_pause = milliseconds::min()}));
  CHECK_FALSE(valid({.first_pause = 201ms, .longest_pause = 200ms}));
  CHECK_FALSE(valid({.longest_pause = century + 1ms}));
  CHECK_FALSE(valid({.first_pause = milliseconds::max(), .longest_pause = milliseconds::max()}));
  CHECK_FALSE(valid({.window = 0ms}));
  CHECK_FALSE(valid({.window = -1ms}));
  CHECK_FALSE(valid({.window = century + 1ms}));
  CHECK(refusal({.first_pause = 31s})
            .starts_with("restart rules: the longest pause must not be shorter than the first"));
  CHECK(validate(restart_rules{.window = 0ms}).error().code == errc::invalid_config);
}
