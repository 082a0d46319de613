#include "support/catch.hpp"

#include <vef/nodes/credit.hpp>

#include <rapidcheck.h>

#include <utility>
#include <vector>

using namespace vef;

TEST_CASE("no more is on the way than the limits say, in pictures and in bytes") {
  credit x{{.pictures = 10, .bytes = 100}};
  CHECK(x.take(6, 60));
  CHECK_FALSE(x.take(5, 1));
  CHECK_FALSE(x.take(1, 41));
  CHECK(x.take(4, 40));
  CHECK(x.pictures_left() == 0);
  CHECK(x.bytes_left() == 0);
}

TEST_CASE("a part that is above the limits goes when nothing else is on the way") {
  credit x{{.pictures = 10, .bytes = 100}};
  CHECK(x.take(20, 1000));
  CHECK_FALSE(x.take(1, 1));
  x.give_back(20, 1000);
  CHECK(x.take(1, 1));
  CHECK_FALSE(x.take(20, 1000));
}

TEST_CASE("what is given back can be had again") {
  credit x{{.pictures = 10, .bytes = 100}};
  REQUIRE(x.take(10, 100));
  x.give_back(10, 100);
  CHECK(x.idle());
  CHECK(x.pictures_left() == 10);
  CHECK(x.bytes_left() == 100);
}

TEST_CASE("more given back than was taken does not make the limits larger") {
  credit x{{.pictures = 10, .bytes = 100}};
  x.give_back(5, 50);
  CHECK(x.pictures_left() == 10);
  REQUIRE(x.take(1, 1));
  x.give_back(5, 50);
  CHECK(x.pictures_left() == 10);
  CHECK(x.bytes_left() == 100);
}

TEST_CASE("whatever is taken and given back, only a single part is ever above the limits") {
  REQUIRE(rc::check([] {
    credit x{{.pictures = 10, .bytes = 100}};
    std::vector<std::pair<std::uint32_t, std::uint64_t>> out;
    std::uint64_t pictures = 0, bytes = 0;
    for (auto n = *rc::gen::inRange(0, 100); n > 0; --n) {
      if (!out.empty() && *rc::gen::arbitrary<bool>()) {
        auto which =
            out.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(out.size()));
        x.give_back(which->first, which->second);
        pictures -= which->first, bytes -= which->second;
        out.erase(which);
      } else {
        auto more = *rc::gen::pair(rc::gen::inRange(1u, 13u), rc::gen::inRange<std::uint64_t>(1, 130));
        auto fits = out.empty() || (pictures + more.first <= 10 && bytes + more.second <= 100);
        RC_ASSERT(x.take(more.first, more.second) == fits);
        if (!fits) continue;
        pictures += more.first, bytes += more.second;
        out.push_back(more);
      }
      RC_ASSERT(x.idle() == out.empty());
      RC_ASSERT((out.size() < 2 || (pictures <= 10 && bytes <= 100)));
      RC_ASSERT(x.pictures_left() == (pictures < 10 ? 10 - pictures : 0));
      RC_ASSERT(x.bytes_left() == (bytes < 100 ? 100 - bytes : 0));
    }
  }));
}
