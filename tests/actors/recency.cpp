#include "support/catch.hpp"

#include <vef/actors/recency.hpp>

using namespace vef;

TEST_CASE("names stand in the order of their last use") {
  recency x;
  for (auto name : {"a", "b", "c", "a"}) x.use(name);
  CHECK(x.oldest_first() == std::list<std::string>{"b", "c", "a"});
  x.forget("c");
  x.forget("unknown");
  CHECK(x.oldest_first() == std::list<std::string>{"b", "a"});
  CHECK(x.contains("b"));
  CHECK(x.size() == 2);
}
