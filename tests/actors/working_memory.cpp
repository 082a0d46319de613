#include "support/catch.hpp"

#include <vef/actors/working_memory.hpp>

#include <rapidcheck.h>

#include <limits>

using namespace vef;

namespace {

constexpr auto most = std::numeric_limits<std::uint64_t>::max();
constexpr auto any_number = std::numeric_limits<std::size_t>::max();

using measurements = std::vector<std::pair<std::uint16_t, std::uint32_t>>;

working_memory measured_so(std::uint64_t estimate, const measurements& list) {
  working_memory x{estimate};
  for (auto [pictures, bytes] : list) x.measured(pictures, bytes);
  return x;
}

} // namespace

TEST_CASE("the catalog's estimate counts until something is measured") {
  CHECK(working_memory{}.expected(1000) == 0);
  working_memory x{10};
  CHECK(x.expected(0) == 0);
  CHECK(x.expected(7) == 70);
  x.measured(4, 100);
  CHECK(x.expected(4) == 100);
  CHECK(x.expected(8) == 200);
}

TEST_CASE("between measured sizes of batch the expectation is interpolated and rounded up") {
  working_memory x{0, {{2, 100}, {5, 110}}};
  CHECK(x.expected(2) == 100);
  CHECK(x.expected(3) == 104);
  CHECK(x.expected(4) == 107);
  CHECK(x.expected(5) == 110);
}

TEST_CASE("above the largest measured size the expectation is proportional and rounded up") {
  working_memory x{0, {{3, 100}}};
  CHECK(x.expected(4) == 134);
  CHECK(x.expected(6) == 200);
}

TEST_CASE("below the smallest measured size half of its pass is taken as needed by any pass") {
  working_memory x{0, {{8, 800}}};
  CHECK(x.expected(1) == 450);
  CHECK(x.expected(4) == 600);
  CHECK(x.expected(7) == 750);
}

TEST_CASE("below the smallest measured size a larger estimate counts as far as the measured pass") {
  working_memory x{300, {{8, 800}}};
  CHECK(x.expected(1) == 450);
  CHECK(x.expected(2) == 600);
  CHECK(x.expected(3) == 800);
  CHECK(x.expected(7) == 800);
}

TEST_CASE("the largest figure for a size of batch counts") {
  working_memory x;
  x.measured(4, 100);
  x.measured(4, 50);
  CHECK(x.expected(4) == 100);
  x.measured(4, 120);
  CHECK(x.expected(4) == 120);
}

TEST_CASE("a measured figure that is smaller than one for fewer pictures is lifted") {
  working_memory later{0, {{4, 100}, {8, 60}}};
  CHECK(later.expected(8) == 100);
  working_memory earlier{0, {{8, 60}, {16, 90}, {32, 200}, {4, 100}}};
  CHECK(earlier.expected(8) == 100);
  CHECK(earlier.expected(16) == 100);
  CHECK(earlier.expected(32) == 200);
}

TEST_CASE("what could not be measured says nothing") {
  working_memory x{10, {{0, 5}, {4, 0}}};
  x.measured(0, 100);
  x.measured(8, 0);
  CHECK(x.expected(8) == 80);
  CHECK(x.take_new().empty());
}

TEST_CASE("numbers that are too large saturate") {
  CHECK(working_memory{most}.expected(2) == most);
  CHECK(working_memory{most}.expected(any_number) == most);
  working_memory x{most, {{1, most}, {8, most}}};
  CHECK(x.expected(4) == most);
  CHECK(x.expected(any_number) == most);
  x.ran_out(8);
  CHECK(x.expected(8) == most);
  x.measured(any_number, most);
  CHECK(x.expected(any_number) == most);
  CHECK(x.fitting(most, any_number) == 4);
}

TEST_CASE("as many pictures as fit are let in and no more than wanted") {
  working_memory x{10};
  CHECK(x.fitting(9, 8) == 0);
  CHECK(x.fitting(10, 8) == 1);
  CHECK(x.fitting(59, 8) == 5);
  CHECK(x.fitting(1000, 8) == 8);
  CHECK(x.fitting(1000, 0) == 0);
  CHECK(x.fitting(1000, any_number) == 100);
  CHECK(working_memory{}.fitting(0, any_number) == any_number);
}

TEST_CASE("a pass that found no memory halves the batches and doubles what is expected") {
  working_memory x{10};
  CHECK(x.largest_batch() == any_number);
  x.ran_out(9);
  CHECK(x.largest_batch() == 4);
  CHECK(x.expected(9) == 180);
  CHECK(x.fitting(most, 100) == 4);
  x.ran_out(4);
  CHECK(x.largest_batch() == 2);
  x.ran_out(2);
  CHECK(x.largest_batch() == 1);
  x.ran_out(1);
  CHECK(x.largest_batch() == 1);
}

TEST_CASE("a pass of an old size that found no memory lowers the limit no further") {
  working_memory x;
  x.ran_out(8);
  x.ran_out(8);
  x.ran_out(64);
  CHECK(x.largest_batch() == 4);
  x.ran_out(0);
  CHECK(x.largest_batch() == 4);
}

TEST_CASE("what was measured is handed out once and what was only concluded is not") {
  working_memory x{10, {{1, 5}}};
  x.measured(4, 100);
  x.measured(2, 70);
  x.measured(4, 90);
  x.ran_out(8);
  CHECK(x.take_new() == std::vector<working_sample>{{2, 70}, {4, 100}});
  CHECK(x.take_new().empty());
  x.measured(4, 80);
  CHECK(x.take_new() == std::vector<working_sample>{{4, 80}});
}

TEST_CASE("more pictures are never expected to need less") {
  REQUIRE(rc::check([](std::uint32_t estimate, const measurements& list, std::uint16_t failed) {
    auto x = measured_so(estimate, list);
    x.ran_out(failed);
    std::size_t end = 2;
    for (auto [pictures, bytes] : list) end = std::max<std::size_t>(end, pictures + 2u);
    for (std::size_t n = 0; n < end; ++n) RC_ASSERT(x.expected(n) <= x.expected(n + 1));
    RC_ASSERT(x.expected(end) <= x.expected(any_number));
  }));
}

TEST_CASE("what was measured is expected to need at least as much again") {
  REQUIRE(rc::check([](std::uint32_t estimate, const measurements& list) {
    auto x = measured_so(estimate, list);
    for (auto [pictures, bytes] : list)
      if (pictures > 0) RC_ASSERT(x.expected(pictures) >= bytes);
  }));
}

TEST_CASE("the order of the measurements makes no difference") {
  REQUIRE(rc::check([](std::uint32_t estimate, const measurements& list, std::uint16_t n) {
    auto x = measured_so(estimate, list);
    auto y = measured_so(estimate, {list.rbegin(), list.rend()});
    RC_ASSERT(x.expected(n) == y.expected(n));
    RC_ASSERT(x.take_new() == y.take_new());
  }));
}

TEST_CASE("a batch fits into what it is expected to need") {
  REQUIRE(rc::check([](std::uint32_t estimate, const measurements& list, std::uint16_t n) {
    auto x = measured_so(estimate, list);
    RC_ASSERT(x.fitting(x.expected(n), n) == n);
  }));
}

TEST_CASE("what is let in fits and one picture more would not") {
  REQUIRE(rc::check([](std::uint32_t estimate, const measurements& list, std::uint64_t bytes,
                       std::uint16_t wanted, std::uint16_t failed) {
    auto x = measured_so(estimate, list);
    x.ran_out(failed);
    auto n = x.fitting(bytes, wanted);
    auto limit = std::min<std::size_t>(wanted, x.largest_batch());
    RC_ASSERT(n <= limit);
    RC_ASSERT(x.expected(n) <= bytes);
    RC_ASSERT(n == limit || x.expected(n + 1) > bytes);
  }));
}
