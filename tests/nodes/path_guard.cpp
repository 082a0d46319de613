#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/nodes/path_guard.hpp>

#include <unistd.h>

using namespace vef;

namespace fs = std::filesystem;

namespace {

/// A shared folder with two pictures, beside one that is not shared.
struct two_folders : test::scratch {
  std::string shared = *this / "photos";
  std::string picture = put("photos/2024/a.jpg");
  std::string secret = put("private/b.jpg");
  path_guard guard{{shared}};

  std::string link(const std::string& name, const std::string& target) const {
    fs::create_symlink(target, folder() / name);
    return *this / name;
  }
};

std::string answer(const path_guard& guard, const std::string& path) {
  auto file = guard.allowed(path);
  return file ? *file : std::string{to_string(file.error().code)};
}

bool is_refused(const path_guard& guard, const std::string& path) {
  auto file = guard.allowed(path);
  return !file && file.error().code == errc::not_allowed
         && file.error().what
                == vef::quoted(path)
                       + " is not below a folder that this node shares: send the picture's bytes, or add its "
                         "folder to 'shared_folders'";
}

} // namespace

TEST_CASE("a file below a shared folder is allowed by its own path") {
  two_folders here;
  CHECK(answer(here.guard, here.picture) == here.picture);
  CHECK(answer(here.guard, here.shared + "/./2024//../2024/a.jpg") == here.picture);
  CHECK(answer(path_guard{{here.shared + "/"}}, here.picture) == here.picture);
  CHECK(answer(path_guard{{here / "none", here.shared}}, here.picture) == here.picture);
  CHECK(answer(path_guard{{"/"}}, here.secret) == here.secret);
}

TEST_CASE("a file outside of the shared folders is refused in the same words whether or not it exists") {
  two_folders here;
  for (const auto& path :
       {here.secret, here / "private/none.jpg", here / "private", here / "none/none.jpg", std::string{"/"},
        std::string{"/etc/passwd"}, std::string{"/etc/passwd/none"}, here.shared + "/../private/b.jpg",
        here.shared + "/../private/none.jpg", here.shared + "/none/../../private/b.jpg",
        here.shared + "/2024/a.jpg/../../../private/b.jpg"})
    CHECK(is_refused(here.guard, path));
  CHECK(is_refused(path_guard{}, here.picture));
}

TEST_CASE("a folder whose name begins like a shared one is not shared, nor is the shared one a file below") {
  two_folders here;
  CHECK(is_refused(here.guard, here.put("photos-private/c.jpg")));
  CHECK(is_refused(here.guard, here.put("photo")));
  CHECK(is_refused(here.guard, here.shared));
  CHECK(is_refused(here.guard, here.shared + "/"));
}

TEST_CASE("a link that leads out of a shared folder is refused, wherever it ends") {
  two_folders here;
  CHECK(is_refused(here.guard, here.link("photos/file.jpg", here.secret)));
  CHECK(is_refused(here.guard, here.link("photos/relative.jpg", "../private/b.jpg")));
  CHECK(is_refused(here.guard, here.link("photos/dangling.jpg", here / "private/none.jpg")));
  here.link("photos/folder", here / "private");
  CHECK(is_refused(here.guard, here.shared + "/folder/b.jpg"));
  CHECK(is_refused(here.guard, here.shared + "/folder/none.jpg"));
  here.link("photos/twice", "folder");
  CHECK(is_refused(here.guard, here.shared + "/twice/b.jpg"));
  CHECK(is_refused(here.guard, here.link("photos/circle", "circle")));
}

TEST_CASE("a link that stays below a shared folder is allowed by the path of its file") {
  two_folders here;
  CHECK(answer(here.guard, here.link("photos/b.jpg", "2024/a.jpg")) == here.picture);
  here.link("photos/latest", here.shared + "/2024");
  CHECK(answer(here.guard, here.shared + "/latest/a.jpg") == here.picture);
  CHECK(answer(here.guard, here.link("photos/dangling", "2024/none.jpg")) == "file_not_found");
}

TEST_CASE("a shared folder that is a link shares what it leads to, by its own name alone") {
  two_folders here;
  auto alias = here.link("alias", here.shared);
  path_guard guard{{alias}};
  CHECK(answer(guard, alias + "/2024/a.jpg") == here.picture);
  // Or else a peer would learn which links there are outside.
  CHECK(is_refused(guard, here.picture));
  CHECK(is_refused(here.guard, alias + "/2024/a.jpg"));
  // It is looked at anew each time.
  fs::remove(alias);
  here.link("alias", here / "private");
  CHECK(answer(guard, alias + "/b.jpg") == here.secret);
}

TEST_CASE("'..' behind a link tells nothing of where the link leads") {
  two_folders here;
  here.link("photos/out", here / "private");
  CHECK(answer(here.guard, here.shared + "/out/../2024/a.jpg") == here.picture);
  CHECK(is_refused(here.guard, here.shared + "/out/b.jpg"));
}

TEST_CASE("a file that is missing below a shared folder is said to be") {
  two_folders here;
  auto none = here.guard.allowed(here.shared + "/none.jpg");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == errc::file_not_found);
  CHECK(none.error().what
        == "cannot read '" + here.shared + "/none.jpg' for another node: there is no such file");
  CHECK(answer(here.guard, here.picture + "/none.jpg") == "file_not_found");
  CHECK(answer(path_guard{{here / "gone"}}, here / "gone/a.jpg") == "file_not_found");
}

TEST_CASE("a file that may not be looked at below a shared folder is said to be unreadable") {
  two_folders here;
  CHECK(answer(here.guard, here.shared + '/' + std::string(300, 'a')) == "file_unreadable");
}

TEST_CASE("what is no absolute path is refused") {
  two_folders here;
  for (const std::string& path :
       {std::string{}, std::string{"a.jpg"}, std::string{"./a.jpg"}, std::string{"~/a.jpg"},
        here.picture + '\0' + "x", here.shared + '/' + std::string(5000, '/') + "2024/a.jpg"}) {
    CHECK(answer(here.guard, path) == "invalid_argument");
    CHECK_FALSE(path_guard::names({here.shared}, path));
  }
}

TEST_CASE("a file can be sent as a path to a node that shares its folder under the same name") {
  two_folders here;
  CHECK(path_guard::names({here.shared}, here.picture));
  CHECK(path_guard::names({here / "none", here.shared + "/"}, here.picture));
  CHECK(path_guard::names({here.shared}, here.shared + "/2024/../2024/a.jpg"));
  CHECK(path_guard::names({"/srv/only/there"}, "/srv/only/there/a.jpg"));
  CHECK_FALSE(path_guard::names({}, here.picture));
  CHECK_FALSE(path_guard::names({here.shared}, here.secret));
  CHECK_FALSE(path_guard::names({here.shared}, here.shared));
  CHECK_FALSE(path_guard::names({here.shared}, here.shared + "-private/a.jpg"));
  CHECK_FALSE(path_guard::names({here.shared}, here.shared + "/../private/b.jpg"));
}

TEST_CASE("a file behind a link that leads out of the folder, or past its name, is not sent as a path") {
  two_folders here;
  CHECK_FALSE(path_guard::names({here.shared}, here.link("photos/b.jpg", here.secret)));
  CHECK_FALSE(path_guard::names({here.shared}, here.link("alias", here.shared) + "/2024/a.jpg"));
  // Here it is private/c.jpg's neighbour, there it would be photos/2024/a.jpg.
  here.put("private/deep/c.jpg");
  here.link("photos/out", here / "private/deep");
  CHECK_FALSE(path_guard::names({here.shared}, here.shared + "/out/../2024/a.jpg"));
}
