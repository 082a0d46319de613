#include <vef/backends/transformers/mapped_file.hpp>

#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <algorithm>

#include <sys/stat.h>

using namespace vef;
using namespace vef::test;

namespace {

errc code_of(const std::filesystem::path& path) {
  auto opened = mapped_file::open(path);
  return opened ? errc::ok : opened.error().code;
}

std::string text(const mapped_file& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// KiB of the file that are in this process's memory.
long resident(const std::string& path) {
  bool within = false;
  for (const auto& line : lines_of("/proc/self/smaps")) {
    if (line.ends_with(path))
      within = true;
    else if (within && line.starts_with("Rss:"))
      return std::stol(line.substr(4));
  }
  return -1;
}

} // namespace

TEST_CASE("a mapped file has the bytes of the file, also after it was removed") {
  scratch place;
  auto path = place.put("a", "some bytes");
  auto opened = mapped_file::open(path);
  REQUIRE(opened);
  std::filesystem::remove(path);
  CHECK(text(**opened) == "some bytes");
  CHECK((*opened)->path() == path);
}

TEST_CASE("an empty file maps nothing") {
  scratch place;
  auto opened = mapped_file::open(place.put("a", ""));
  REQUIRE(opened);
  CHECK((*opened)->bytes().empty());
  (*opened)->drop_pages();
  (*opened)->will_need(0, 1);
}

TEST_CASE("a link is followed; what is no file is refused by a sentence") {
  scratch place;
  place.put("a", "some bytes");
  std::filesystem::create_symlink("a", place / "link");
  auto opened = mapped_file::open(place / "link");
  REQUIRE(opened);
  CHECK(text(**opened) == "some bytes");

  std::filesystem::create_symlink("nowhere", place / "dangling");
  std::filesystem::create_symlink("circle", place / "circle");
  std::filesystem::create_directory(place / "folder");
  REQUIRE(::mkfifo((place / "fifo").c_str(), 0600) == 0);
  CHECK(code_of(place / "missing") == errc::file_not_found);
  CHECK(code_of(place / "a/b") == errc::file_not_found);
  CHECK(code_of(place / std::string(300, 'x')) == errc::file_not_found);
  CHECK(code_of(place.folder() / std::string{"a\0b", 3}) == errc::file_not_found);
  CHECK(code_of(place / "folder") == errc::not_a_file);
  CHECK(code_of(place / "fifo") == errc::not_a_file);
  CHECK(code_of("/dev/zero") == errc::not_a_file);
  CHECK(mapped_file::open(place / "dangling").error().what
        == "cannot open '" + (place / "dangling") + "': it is a link to a file that is not there");
  auto circle = mapped_file::open(place / "circle").error();
  CHECK(circle.code == errc::file_unreadable);
  CHECK_THAT(circle.what, Catch::Contains("leads in a circle"));
}

TEST_CASE("pages that are dropped leave the process and come back when they are touched") {
  scratch place;
  auto path = place.put("a", std::string(1 << 20, 'x'));
  auto opened = mapped_file::open(path);
  REQUIRE(opened);
  auto all = [&] { return std::ranges::count((*opened)->bytes(), std::byte{'x'}); };
  REQUIRE(all() == 1 << 20);
  CHECK(resident(path) == 1024);
  (*opened)->drop_pages();
  CHECK(resident(path) == 0);
  CHECK(all() == 1 << 20);
}

TEST_CASE("a part that will be needed may begin anywhere and lie beyond the end") {
  scratch place;
  auto opened = mapped_file::open(place.put("a", std::string(20'000, 'x')));
  REQUIRE(opened);
  for (std::uint64_t offset :
       {std::uint64_t{0}, std::uint64_t{5001}, std::uint64_t{20'000}, ~std::uint64_t{}})
    for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{20'000}, ~std::uint64_t{}})
      (*opened)->will_need(offset, size);
  CHECK(text(**opened) == std::string(20'000, 'x'));
}
