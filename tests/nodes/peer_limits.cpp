#include "support/catch.hpp"

#include <vef/nodes/peer_limits.hpp>

#include <rapidcheck.h>

using namespace vef;
using namespace std::chrono_literals;

namespace {

constexpr peer_limits::time_point start{};

// "ok", or the word of the error.
std::string_view outcome(const result<void>& x) { return to_string(x ? errc::ok : x.error().code); }

std::string reason(const result<void>& x) { return x ? "" : x.error().what; }

// Rules of which only the one that is tested can refuse anything.
peer_rules loose() {
  return {.most_bytes = 1000,
          .most_open = 1000,
          .requests_per_second = 1e9,
          .burst = 1000,
          .most_unread = 1'000'000,
          .silence = 10s};
}

} // namespace

TEST_CASE("a request that is too large is refused with both sizes, whatever else is under way") {
  auto rules = loose();
  rules.most_bytes = 64_MiB;
  peer_limits peer{rules, start};
  CHECK(peer.admit(64_MiB, start));
  auto refused = peer.admit(65_MiB, start);
  CHECK(outcome(refused) == "invalid_argument");
  CHECK(reason(refused)
        == "the request is refused: it has 65.0 MiB, and this node takes 64.0 MiB in one: send it in parts");
  CHECK(peer.open() == 1);
}

TEST_CASE("a peer has so many requests under way, and one more for each that is answered") {
  auto rules = loose();
  rules.most_open = 2;
  peer_limits peer{rules, start};
  CHECK(peer.admit(1, start));
  CHECK(peer.admit(1, start));
  auto refused = peer.admit(1, start);
  CHECK(outcome(refused) == "overloaded");
  CHECK(
      reason(refused)
      == "the request is refused: its peer has 2 requests under way, as many as it may: wait for an answer");
  peer.answered(0);
  CHECK(peer.open() == 1);
  CHECK(peer.admit(1, start));
  CHECK_FALSE(peer.admit(1, start));
}

TEST_CASE("an answer too many does not make room for more") {
  auto rules = loose();
  rules.most_open = 1;
  peer_limits peer{rules, start};
  peer.answered(0);
  CHECK(peer.admit(1, start));
  CHECK_FALSE(peer.admit(1, start));
}

TEST_CASE("a quiet peer may send a burst, and then as many as its rate allows") {
  auto rules = loose();
  rules.burst = 3;
  rules.requests_per_second = 2;
  peer_limits peer{rules, start};
  for (int i = 0; i < 3; ++i) CHECK(peer.admit(1, start));
  auto refused = peer.admit(1, start);
  CHECK(outcome(refused) == "overloaded");
  CHECK(
      reason(refused)
      == "the request is refused: its peer has sent more than 2 requests a second: send fewer, larger ones");
  CHECK_FALSE(peer.admit(1, start + 499ms));
  CHECK(peer.admit(1, start + 500ms));
  CHECK_FALSE(peer.admit(1, start + 500ms));
  // An hour of quiet is worth one burst.
  for (int i = 0; i < 3; ++i) CHECK(peer.admit(1, start + 1h));
  CHECK_FALSE(peer.admit(1, start + 1h));
}

TEST_CASE("what is refused does not count against the rate") {
  auto rules = loose();
  rules.burst = 2;
  rules.requests_per_second = 1;
  rules.most_open = 1;
  peer_limits peer{rules, start};
  CHECK(peer.admit(1, start));
  for (int i = 0; i < 100; ++i) CHECK_FALSE(peer.admit(1, start));    // too many under way
  for (int i = 0; i < 100; ++i) CHECK_FALSE(peer.admit(5000, start)); // too large
  peer.answered(0);
  CHECK(peer.admit(1, start));
  peer.answered(0);
  for (int i = 0; i < 100; ++i) CHECK_FALSE(peer.admit(1, start)); // too fast
  CHECK(peer.admit(1, start + 1s));
}

TEST_CASE("a peer that does not read its answers may ask nothing more until it has") {
  auto rules = loose();
  rules.most_unread = 100;
  peer_limits peer{rules, start};
  for (int i = 0; i < 3; ++i) REQUIRE(peer.admit(1, start));
  peer.answered(99);
  CHECK(peer.admit(1, start));
  peer.answered(1);
  auto refused = peer.admit(1, start);
  CHECK(outcome(refused) == "overloaded");
  CHECK(reason(refused)
        == "the request is refused: its peer has 100 B of answers that it has not read, of 100 B that it may "
           "have: read them");
  auto mark = peer.ping();
  CHECK_FALSE(peer.admit(1, start));
  peer.pong(mark, start);
  CHECK(peer.unread() == 0);
  CHECK(peer.admit(1, start));
}

TEST_CASE("a ping that is answered forgets what was sent before it and nothing else") {
  peer_limits peer{loose(), start};
  peer.answered(1);
  auto first = peer.ping();
  peer.answered(10);
  auto second = peer.ping();
  auto third = peer.ping(); // with nothing in between
  peer.answered(100);
  CHECK(peer.unread() == 111);
  peer.pong(first, start);
  CHECK(peer.unread() == 110);
  peer.pong(first, start);
  CHECK(peer.unread() == 110);
  peer.pong(third, start); // the answer to the second was left out
  CHECK(peer.unread() == 100);
  peer.pong(second, start);
  CHECK(peer.unread() == 100);
  peer.pong(peer.ping(), start);
  CHECK(peer.unread() == 0);
}

TEST_CASE("a peer is silent when it has given no sign of life for longer than it may") {
  peer_limits peer{loose(), start};
  CHECK_FALSE(peer.silent(start + 10s));
  CHECK(peer.silent(start + 10'001ms));
  SECTION("an answered ping is a sign") { peer.pong(peer.ping(), start + 5s); }
  SECTION("a request is a sign") { CHECK(peer.admit(1, start + 5s)); }
  SECTION("a request that is refused is a sign") { CHECK_FALSE(peer.admit(5000, start + 5s)); }
  SECTION("any other message is a sign") { peer.heard(start + 5s); }
  CHECK_FALSE(peer.silent(start + 15s));
  CHECK(peer.silent(start + 15'001ms));
}

TEST_CASE("pings and answers of this node are no signs of life") {
  peer_limits peer{loose(), start};
  peer.ping();
  peer.answered(5);
  CHECK(peer.silent(start + 11s));
}

TEST_CASE(
    "no peer gets more than its burst and its rate, whenever it asks, and one that keeps to it gets all") {
  REQUIRE(rc::check([] {
    auto rules = loose();
    rules.burst = *rc::gen::inRange(1u, 20u);
    auto pause = std::chrono::milliseconds{*rc::gen::inRange(1, 500)}; // between requests at the rate
    rules.requests_per_second = 1000.0 / static_cast<double>(pause.count());
    peer_limits peer{rules, start};
    auto now = start;
    double admitted = 0;
    for (auto wait : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 300))) {
      now += std::chrono::milliseconds{wait};
      if (!peer.admit(1, now)) continue;
      peer.answered(0);
      admitted += 1;
      auto passed = std::chrono::duration<double>{now - start}.count();
      RC_ASSERT(admitted <= rules.burst + passed * rules.requests_per_second + 1e-3);
    }
    now += pause * 20; // the bucket is full
    for (int i = 0; i < 100; ++i, now += pause) {
      RC_ASSERT(peer.admit(1, now).has_value());
      peer.answered(0);
    }
  }));
}

TEST_CASE("unread bytes are those behind the last answered ping, in any order of events") {
  REQUIRE(rc::check([] {
    peer_limits peer{loose(), start};
    std::vector<std::uint64_t> bytes{0}; // behind each ping
    std::size_t read = 0;                // the last ping that was answered
    for (auto event : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 3))) {
      if (event == 0) {
        auto size = *rc::gen::inRange<std::uint64_t>(0, 50);
        peer.answered(size);
        bytes.back() += size;
      } else if (event == 1) {
        RC_ASSERT(peer.ping() == bytes.size());
        bytes.push_back(0);
      } else {
        auto mark = *rc::gen::inRange<std::size_t>(0, bytes.size());
        peer.pong(mark, start);
        read = std::max(read, mark);
      }
      std::uint64_t left = 0;
      for (auto i = read; i < bytes.size(); ++i) left += bytes[i];
      RC_ASSERT(peer.unread() == left);
    }
  }));
}
