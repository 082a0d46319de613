#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/apps/walk.hpp>

#include <sys/stat.h>

using namespace vef;
using test::scratch;

namespace fs = std::filesystem;

namespace {

std::vector<std::string> names(const inputs& x, const scratch& at) {
  std::vector<std::string> out;
  for (const auto& file : x.files)
    out.push_back(fs::path{file.path}.lexically_relative(at.folder()).string());
  return out;
}

inputs walk_all(std::vector<std::string> paths) { return walk(paths); }

} // namespace

TEST_CASE("a folder yields its pictures in sorted order and counts what it passes over") {
  scratch at;
  for (auto name : {"in/b.JPG", "in/a.png", "in/c/z.webp", "in/c/y.tiff", "in/d.gif", "in/notes.txt",
                    "in/.hidden.jpg", "in/.git/x.jpg", "in/jpg", "in/c/Makefile"})
    at.put(name);
  auto found = walk_all({at / "in"});
  CHECK(names(found, at)
        == std::vector<std::string>{"in/a.png", "in/b.JPG", "in/c/y.tiff", "in/c/z.webp", "in/d.gif"});
  CHECK(found.hidden == 2);
  CHECK(found.others == 3);
  CHECK(found.folders == 2);
}

TEST_CASE("a file that is named by itself is taken whatever its name") {
  scratch at;
  auto found = walk_all({at.put("picture"), at.put(".dot.jpg"), at.put("a.txt")});
  CHECK(names(found, at) == std::vector<std::string>{"picture", ".dot.jpg", "a.txt"});
}

TEST_CASE("the order of the command line stays and nothing is taken twice") {
  scratch at;
  auto b = at.put("in/b.jpg"), a = at.put("in/a.jpg");
  auto found = walk_all({b, at / "in", at / "in/", a});
  CHECK(names(found, at) == std::vector<std::string>{"in/b.jpg", "in/a.jpg"});
  CHECK(found.repeated == 3);
}

TEST_CASE("slashes at the end of a folder do not double") {
  scratch at;
  auto a = at.put("in/a.jpg");
  auto found = walk_all({at / "in" + "///"});
  REQUIRE(found.files.size() == 1);
  CHECK(found.files[0].path == a);
}

TEST_CASE("loops of links end and links to files are followed") {
  scratch at;
  auto a = at.put("in/sub/a.jpg");
  fs::create_directory_symlink(at / "in", at / "in/sub/loop");
  fs::create_directory_symlink("..", at / "in/sub/up");
  fs::create_symlink(a, at / "in/link.jpg");
  auto found = walk_all({at / "in"});
  CHECK(names(found, at) == std::vector<std::string>{"in/link.jpg", "in/sub/a.jpg"});
  CHECK(found.repeated == 2);
}

TEST_CASE("missing paths and endless links become inputs with a problem") {
  scratch at;
  fs::create_symlink("self", at / "self");
  auto a = at.put("a.jpg");
  auto found = walk_all({at / "none.jpg", a, a + "/x.jpg", at / "self"});
  REQUIRE(found.files.size() == 4);
  CHECK(found.files[0].problem.code == errc::file_not_found);
  CHECK_FALSE(found.files[1].problem);
  CHECK(found.files[2].problem.code == errc::file_not_found);
  CHECK(found.files[3].problem.code == errc::file_unreadable);
}

TEST_CASE("links to nothing in a folder are inputs that will be told about") {
  scratch at;
  at.put("in/a.jpg");
  fs::create_symlink("nowhere", at / "in/broken.jpg");
  CHECK(names(walk_all({at / "in"}), at) == std::vector<std::string>{"in/a.jpg", "in/broken.jpg"});
}

TEST_CASE("a FIFO is listed without being opened") {
  scratch at;
  at.put("in/a.jpg");
  REQUIRE(::mkfifo((at / "in/pipe.jpg").c_str(), 0600) == 0);
  CHECK(walk_all({at / "in"}).files.size() == 2);
}

TEST_CASE("names of any bytes are found") {
  scratch at;
  for (auto name : {"in/with space.jpg", "in/line\nbreak.jpg", "in/\xff\xfe.jpg", "in/\"quoted\".jpg"})
    at.put(name);
  auto found = walk_all({at / "in"});
  CHECK(names(found, at)
        == std::vector<std::string>{"in/\"quoted\".jpg", "in/line\nbreak.jpg", "in/with space.jpg",
                                    "in/\xff\xfe.jpg"});
}

TEST_CASE("pictures are known by the ends of their names") {
  for (auto name : {"a.jpg", "a.JPEG", "a.b.PnG", "x.heic"}) CHECK(named_like_picture(name));
  for (auto name : {"", ".", "jpg", ".jpg", "a.jpg.txt", "a.", "a.jpgx"})
    CHECK_FALSE(named_like_picture(name));
}
