#include "support/catch.hpp"

#include <vef/apps/progress.hpp>
#include <vef/apps/sizes.hpp>
#include <vef/apps/table.hpp>
#include <vef/backends/size_text.hpp>

#include <sstream>

using namespace vef;
using namespace std::chrono_literals;

TEST_CASE("sizes are read in powers of 1000 and of 1024 and as shares") {
  auto whole = std::uint64_t{1} << 34;
  CHECK(parse_size("2GB", whole) == std::uint64_t{2'000'000'000});
  CHECK(parse_size("2gib", whole) == std::uint64_t{2} << 30);
  CHECK(parse_size("1.5 MiB", whole) == std::uint64_t{3} << 19);
  CHECK(parse_size("1.5   mib", whole) == std::uint64_t{3} << 19);
  CHECK(parse_size("4096", whole) == std::uint64_t{4096});
  CHECK(parse_size("512B", whole) == std::uint64_t{512});
  CHECK(parse_size("50%", whole) == whole / 2);
}

TEST_CASE("what is no size is refused and named") {
  for (auto text : {"", "GB", "2XB", "2 GB x", "-1GB", "+1GB", "0", "0%", "101%", "nan", "inf", "1e3",
                    "1e30TB", "99999999999TB", "0x10", "2G", " 2GB"}) {
    auto size = parse_size(text, 1 << 30);
    INFO(text);
    REQUIRE_FALSE(size);
    CHECK(size.error().code == errc::invalid_argument);
    CHECK(size.error().what.find(vef::quoted(text)) != std::string::npos);
  }
}

TEST_CASE("a share of an unknown whole is refused") { CHECK_FALSE(parse_size("50%", 0)); }

TEST_CASE("long texts lose their beginning or their end and keep whole letters") {
  CHECK(keep_end("photos/2024/cat.jpg", 30) == "photos/2024/cat.jpg");
  CHECK(keep_end("photos/2024/cat.jpg", 10) == "...cat.jpg");
  CHECK(keep_start("near-duplicates", 7) == "near...");
  CHECK(keep_end("äöüßäöüß", 5) == "...üß");
  CHECK(keep_start("äöüßäöüß", 5) == "äö...");
  CHECK(keep_end("abcdef", 2) == "..");
}

TEST_CASE("file names can't forge lines of output") {
  CHECK(printable("a\nb\x1b[2J\xff.jpg") == "a\\nb\\x1b[2J\\xff.jpg");
}

TEST_CASE("durations and numbers read well") {
  CHECK(format_duration(0.04) == "0.0 s");
  CHECK(format_duration(59.96) == "1:00 min");
  CHECK(format_duration(245) == "4:05 min");
  CHECK(format_duration(7445) == "2:04:05 h");
  CHECK(format_duration(-1) == "unknown");
  CHECK(grouped(7) == "7");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(count(1, "picture") == "1 picture");
  CHECK(count(1000, "picture") == "1,000 pictures");
}

TEST_CASE("a table aligns its columns and fits its page") {
  table t{
      {{"similarity", column_kind::number}, {"picture", column_kind::path}, {"about", column_kind::prose}}};
  t.add({"0.98", std::string(80, 'p') + "/end.jpg", std::string(90, 'q')});
  t.add({"1", "ä.jpg", "short"});
  std::istringstream in{t.text(60)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  REQUIRE(lines.size() == 3);
  for (const auto& line : lines) CHECK(display_width(line) <= 60);
  CHECK(lines[0].starts_with("similarity  picture"));
  CHECK(lines[1].starts_with("      0.98  ..."));
  CHECK(lines[1].find("/end.jpg  ") != std::string::npos);
  CHECK(lines[2].starts_with("         1  ä.jpg "));
  CHECK(lines[2].ends_with("short"));
}

TEST_CASE("a progress bar shows share and rate and time left within its width") {
  progress_facts x{.done = 1234, .failed = 3, .total = 2468, .rate = 12.5};
  auto bar = progress_bar(x, 100);
  CHECK(bar.find(" 50 %  1,234 of 2,468  12.5/s  1:39 min left  3 failed") != std::string::npos);
  CHECK(bar.starts_with("[===============>"));
  for (std::size_t width : {1u, 10u, 40u, 60u, 80u, 200u}) {
    CHECK(progress_bar(x, width).size() < std::max<std::size_t>(width, 4));
    CHECK(progress_bar({}, width).size() < std::max<std::size_t>(width, 4));
  }
  CHECK(progress_bar({.done = 5, .failed = 0, .total = 5, .rate = 0}, 100).find("100 %")
        != std::string::npos);
}

TEST_CASE("progress in words says the same") {
  CHECK(progress_sentence({.done = 1, .failed = 0, .total = 4, .rate = 0.5})
        == "1 of 4 pictures (25 %), 0.5/s, 6.0 s left");
  CHECK(progress_sentence({.done = 0, .failed = 0, .total = 4, .rate = 0}) == "0 of 4 pictures (0 %)");
}

TEST_CASE("the rate is that of the last half minute") {
  rate_meter meter;
  auto start = rate_meter::time_point{};
  CHECK(meter.rate() == 0);
  for (int s = 0; s <= 100; ++s) meter.add(static_cast<std::size_t>(s) * 10, start + 1s * s);
  CHECK(meter.rate() == Approx(10));
  for (int s = 1; s <= 40; ++s) meter.add(1000 + static_cast<std::size_t>(s), start + 100s + 1s * s);
  CHECK(meter.rate() == Approx(1));
}

TEST_CASE("a rate is right however often it is told") {
  rate_meter meter;
  for (std::size_t i = 0; i <= 10000; ++i) meter.add(i, rate_meter::time_point{} + 10ms * i);
  CHECK(meter.rate() == Approx(100));
}
