#include "support/catch.hpp"

#include <vef/messages/bytes.hpp>

#include <limits>

using namespace vef;

TEST_CASE("bytes are formatted with three digits in binary units") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1024) == "1.00 KiB");
  CHECK(format_bytes(1_MiB - 1) == "1.00 MiB");
  CHECK(format_bytes(1536_MiB) == "1.50 GiB");
  CHECK(format_bytes(std::numeric_limits<std::uint64_t>::max()) == "16384 PiB");
}

TEST_CASE("shared bytes are equal by content and share their storage") {
  shared_bytes a{{1, 2, 3}}, b{{1, 2, 3}}, none;
  auto copy = a;
  CHECK(a == b);
  CHECK(copy.view().data() == a.view().data());
  CHECK(none.size() == 0);
  CHECK_FALSE(a == none);
}

TEST_CASE("a matrix gives its rows without a copy") {
  auto values = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4, 5, 6});
  matrix x{2, 3, values};
  CHECK(x.row(1).data() == values->data() + 3);
  CHECK(x.row(1)[2] == 6);
}

TEST_CASE("a matrix refuses values that are not rows times dim") {
  CHECK_THROWS_AS(matrix(2, 3, std::make_shared<std::vector<float>>(5)), std::invalid_argument);
}

TEST_CASE("a share is written in whole percent") {
  CHECK(format_share(0) == "0 %");
  CHECK(format_share(0.854) == "85 %");
  CHECK(format_share(0.996) == "100 %");
}
