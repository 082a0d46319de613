#include "support/catch.hpp"

#include <vef/actors/ledger.hpp>

#include <rapidcheck.h>

using namespace vef;

namespace {

struct small_machine {
  small_machine() { book.set_capacity("host", 100); }
  ledger book;

  device_memory host() const { return book.status().at(0); }
  static model_key who(const char* model) { return {"s", model}; }
  static std::vector<device_bytes> on_host(std::uint64_t bytes) { return {{"host", bytes}}; }
  static model_memory memory(std::uint64_t weights, std::uint64_t working = 0) {
    return {on_host(weights), on_host(working)};
  }
};

} // namespace

TEST_CASE_METHOD(small_machine, "bytes are reserved and then resident and then free again") {
  REQUIRE(book.reserve(who("a"), on_host(40)));
  CHECK(host().reserved == 40);
  REQUIRE(book.settle(who("a"), memory(25, 5)));
  CHECK(host().reserved == 0);
  CHECK(host().resident == 25);
  CHECK(host().working == 5);
  CHECK(book.held(who("a")) == 30);
  CHECK(book.release(who("a")) == 30);
  CHECK(host().resident + host().working == 0);
  CHECK(book.release(who("a")) == 0);
}

TEST_CASE_METHOD(small_machine, "a refusal says who holds the memory") {
  REQUIRE(book.reserve(who("big"), on_host(70)));
  auto refused = book.reserve(who("late"), on_host(31));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::over_budget);
  CHECK(refused.error().what
        == "model 'late' needs 31 B of host, of which 30 B of 100 B are free; held by big (70 B)");
  CHECK(book.reserve(who("late"), on_host(30)));
}

TEST_CASE_METHOD(small_machine, "a model that turns out too big keeps its reservation and is refused") {
  REQUIRE(book.reserve(who("a"), on_host(60)));
  REQUIRE(book.reserve(who("b"), on_host(20)));
  auto refused = book.settle(who("a"), memory(80, 1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::over_budget);
  CHECK(host().reserved == 80);
  CHECK(book.settle(who("a"), memory(80)));
}

TEST_CASE_METHOD(small_machine, "a reservation on two devices is made on both or on none") {
  book.set_capacity("cuda:0", 50);
  CHECK_FALSE(book.reserve(who("a"), {{"host", 10}, {"cuda:0", 51}}));
  CHECK(book.held(who("a")) == 0);
  REQUIRE(book.reserve(who("a"), {{"host", 10}, {"cuda:0", 50}}));
  REQUIRE(book.settle(who("a"), {{{"cuda:0", 50}}, {}}));
  CHECK(book.held(who("a"), "host").sum() == 0);
  CHECK(book.room("cuda:0") == 0);
}

TEST_CASE_METHOD(small_machine, "a move up reserves beside what the model holds") {
  REQUIRE(book.reserve(who("a"), on_host(30)));
  REQUIRE(book.settle(who("a"), memory(30)));
  REQUIRE(book.reserve(who("a"), on_host(20)));
  CHECK(host().resident == 30);
  CHECK(host().reserved == 20);
  book.cancel(who("a"));
  CHECK(host().resident == 30);
  CHECK(host().reserved == 0);
}

TEST_CASE_METHOD(small_machine, "working memory grows into the room that there is and no further") {
  REQUIRE(book.reserve(who("a"), on_host(50)));
  CHECK(book.grow(who("nobody"), {"host", 10}) == 0);
  REQUIRE(book.settle(who("a"), memory(40, 10)));
  CHECK(book.grow(who("a"), {"host", 30}) == 30);
  CHECK(book.grow(who("a"), {"host", 20}) == 30);
  CHECK(book.grow(who("a"), {"host", 500}) == 60);
  CHECK(host().room == 0);
  book.shrink(who("a"), {"host", 10});
  CHECK(host().room == 50);
  CHECK(book.grow(who("a"), {"cuda:3", 1}) == 0);
}

TEST_CASE_METHOD(small_machine, "what other programs hold is no room for models") {
  book.set_reading({"host", 200, 120, 20, 0});
  CHECK(book.room("host") == 100);
  REQUIRE(book.reserve(who("a"), on_host(40)));
  book.set_reading({"host", 200, 30, 60, 0}); // 170 in use, 110 by others
  CHECK(book.room("host") == 50);
  auto refused = book.reserve(who("b"), on_host(51));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what.find("other programs hold 110 B of its 200 B") != std::string::npos);
  book.set_reading({"host", 200, 0, 0, 0});
  CHECK(book.room("host") == 0);
}

TEST_CASE_METHOD(small_machine, "the slack of a budget is never given out") {
  book.set_capacity("host", 100, 10);
  CHECK(host().capacity == 100);
  CHECK(book.capacity("host") == 90);
  CHECK_FALSE(book.reserve(who("a"), on_host(91)));
  REQUIRE(book.reserve(who("a"), on_host(90)));
  CHECK(book.room("host") == 0);
}

TEST_CASE_METHOD(small_machine, "what makes no sense is an error and changes nothing") {
  CHECK(book.reserve(who("a"), {{"cuda:7", 1}}).error().code == errc::invalid_argument);
  CHECK(book.settle(who("a"), {{{"cuda:7", 1}}, {}}).error().code == errc::invalid_argument);
  CHECK(host().reserved + host().resident == 0);
}

TEST_CASE_METHOD(small_machine, "a budget that shrinks below what is held takes nothing and grants nothing") {
  REQUIRE(book.reserve(who("a"), on_host(50)));
  book.set_capacity("host", 10);
  CHECK_FALSE(book.reserve(who("b"), on_host(1)));
  CHECK(book.settle(who("a"), memory(20)));
  CHECK(host().resident == 20);
}

TEST_CASE("no sequence of claims exceeds a budget or loses a byte") {
  REQUIRE(rc::check([] {
    ledger book;
    book.set_capacity("host", 100);
    book.set_capacity("cuda:0", 60);
    const char* models[] = {"a", "b", "c", "d", "e"};
    const char* devices[] = {"host", "cuda:0"};
    auto steps = *rc::gen::inRange(0, 200);
    for (int i = 0; i < steps; ++i) {
      model_key who{"s", models[*rc::gen::inRange(0, 5)]};
      auto bytes = [&] {
        return device_bytes{devices[*rc::gen::inRange(0, 2)], *rc::gen::inRange<std::uint64_t>(0, 70)};
      };
      switch (*rc::gen::inRange(0, 6)) {
      case 0: (void)book.reserve(who, {bytes(), bytes()}); break;
      case 1: (void)book.settle(who, {{bytes()}, {bytes()}}); break;
      case 2: book.grow(who, bytes()); break;
      case 3: book.shrink(who, bytes()); break;
      case 4: book.cancel(who); break;
      case 5: {
        auto held = book.held(who);
        RC_ASSERT(book.release(who) == held);
        RC_ASSERT(book.held(who) == 0u);
        break;
      }
      }
      for (const auto& device : book.status()) {
        std::uint64_t sum = 0;
        for (const auto& x : device.holdings) sum += x.reserved + x.resident + x.working;
        RC_ASSERT(sum == device.reserved + device.resident + device.working);
        RC_ASSERT(sum + device.room == device.capacity);
      }
    }
    for (auto model : models) book.release({"s", model});
    for (const auto& device : book.status()) RC_ASSERT(device.room == device.capacity);
  }));
}
