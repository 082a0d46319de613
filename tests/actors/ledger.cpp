#include "support/catch.hpp"

#include <vef/actors/ledger.hpp>

#include <random>

using namespace vef;

namespace {

struct small_machine {
  small_machine() { book.set_capacity("host", 100); }
  ledger book;

  device_memory host() const { return book.status().at(0); }
  static memory_claim claim(const char* model, std::uint64_t bytes) { return {"s", model, "host", bytes}; }
};

} // namespace

TEST_CASE_METHOD(small_machine, "bytes are reserved and then resident and then free again") {
  REQUIRE(book.reserve(claim("a", 40)));
  CHECK(host().reserved == 40);
  REQUIRE(book.settle(claim("a", 30)));
  CHECK(host().reserved == 0);
  CHECK(host().resident == 30);
  CHECK(book.held_by("s", "a") == 30);
  CHECK(book.release("s", "a") == 30);
  CHECK(host().resident == 0);
  CHECK(book.release("s", "a") == 0);
}

TEST_CASE_METHOD(small_machine, "a refusal says who holds the memory") {
  REQUIRE(book.reserve(claim("big", 70)));
  auto refused = book.reserve(claim("late", 31));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::over_budget);
  CHECK(refused.error().what
        == "model 'late' needs 31 B of host, of which 30 B of 100 B are free; held by big (70 B)");
  CHECK(book.reserve(claim("late", 30)));
}

TEST_CASE_METHOD(small_machine, "a model that turns out too big keeps its reservation and is refused") {
  REQUIRE(book.reserve(claim("a", 60)));
  REQUIRE(book.reserve(claim("b", 20)));
  auto refused = book.settle(claim("a", 81));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::over_budget);
  CHECK(host().reserved == 80);
  CHECK(book.settle(claim("a", 80)));
}

TEST_CASE_METHOD(small_machine, "what makes no sense is an error and changes nothing") {
  CHECK(book.settle(claim("nobody", 1)).error().code == errc::invalid_argument);
  CHECK(book.reserve({"s", "a", "cuda:7", 1}).error().code == errc::invalid_argument);
  REQUIRE(book.reserve(claim("a", 1)));
  CHECK(book.reserve(claim("a", 1)).error().code == errc::in_use);
  CHECK(host().reserved == 1);
}

TEST_CASE_METHOD(small_machine, "a budget that shrinks below what is held takes nothing and grants nothing") {
  REQUIRE(book.reserve(claim("a", 50)));
  book.set_capacity("host", 10);
  CHECK_FALSE(book.reserve(claim("b", 1)));
  CHECK(book.settle(claim("a", 20)));
  CHECK(host().resident == 20);
}

TEST_CASE_METHOD(small_machine, "no sequence of claims exceeds the budget or loses a byte") {
  std::mt19937 random{7};
  auto dice = [&](unsigned n) { return random() % n; };
  const char* models[] = {"a", "b", "c", "d", "e"};
  for (int step = 0; step < 20000; ++step) {
    auto model = models[dice(5)];
    switch (dice(3)) {
    case 0: (void)book.reserve(claim(model, dice(60))); break;
    case 1: (void)book.settle(claim(model, dice(60))); break;
    case 2: book.release("s", model); break;
    }
    auto now = host();
    std::uint64_t sum = 0;
    for (const auto& x : now.claims) sum += x.bytes;
    REQUIRE(now.reserved + now.resident <= now.capacity);
    REQUIRE(sum == now.reserved + now.resident);
  }
  for (auto model : models) book.release("s", model);
  CHECK(host().reserved + host().resident == 0);
}
