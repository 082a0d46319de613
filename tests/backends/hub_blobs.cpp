// Writing the bytes of a file into the Hub's cache: locks, part files, full disks.
#include "hub_cache_support.hpp"

#include <csignal>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace vef;
using namespace vef::test;
namespace fs = std::filesystem;

TEST_CASE_METHOD(cache_folder, "content that is under way is no blob and in no snapshot") {
  auto x = open();
  REQUIRE(x.append(bytes_of("half")));
  CHECK(x.size() == 4);
  CHECK_FALSE(cache.has_blob(id, etag));
  CHECK_FALSE(cache.link(id, commit, "a", etag));
  auto name = x.part().filename().string();
  CHECK(name.size() == etag.size() + 1 + 8 + std::string_view{".incomplete"}.size());
  CHECK(parts() == std::vector{x.part()});
  REQUIRE(x.append(bytes_of(" and half")));
  REQUIRE(x.commit());
  CHECK(x.has_blob());
  CHECK(content_of(x.blob()) == "half and half");
  CHECK(parts().empty());
}

TEST_CASE_METHOD(cache_folder, "a download that broke off is gone on with") {
  {
    auto x = open();
    REQUIRE(x.append(bytes_of("half")));
  }
  REQUIRE(parts().size() == 1);
  auto x = open();
  CHECK(x.size() == 4);
  REQUIRE(x.append(bytes_of(" and half")));
  REQUIRE(x.commit());
  CHECK(content_of(x.blob()) == "half and half");
  CHECK(parts().empty());
}

TEST_CASE_METHOD(cache_folder, "the largest part file that nobody has locked is gone on with") {
  auto blobs = "hub/" + model_folder + "/blobs/";
  put(blobs + etag + ".incomplete", "old");
  auto locked = put(blobs + etag + ".00000001.incomplete", "the largest");
  auto larger = put(blobs + etag + ".00000002.incomplete", "larger");
  put(blobs + etag + "0.incomplete", "of some other content");
  fs::create_symlink(put("elsewhere", "what a link leads to, larger still"),
                     root / model_folder / "blobs" / (etag + ".00000003.incomplete"));
  descriptor holder{::open(locked.c_str(), O_RDONLY)};
  REQUIRE(::flock(holder.number(), LOCK_EX | LOCK_NB) == 0);
  auto x = open();
  CHECK(x.part() == larger);
  CHECK(x.size() == 6);
}

TEST_CASE_METHOD(cache_folder, "a part file can be cut, and thrown away") {
  auto x = open();
  REQUIRE(x.append(bytes_of("wrong")));
  REQUIRE(x.truncate(2));
  CHECK(x.size() == 2);
  REQUIRE(x.append(bytes_of("ong")));
  CHECK(content_of(x.part()) == "wrong");
  x.discard();
  CHECK(parts().empty());
}

TEST_CASE_METHOD(cache_folder, "a part file without content doesn't stay") {
  { auto x = open(); }
  CHECK(parts().empty());
}

TEST_CASE_METHOD(cache_folder, "there is nothing to write where the blob is there") {
  write_blob();
  auto x = open();
  CHECK(x.has_blob());
  CHECK(x.part().empty());
  CHECK(x.commit());
  CHECK(content_of(x.blob()) == "content");
}

TEST_CASE_METHOD(cache_folder, "two writers of the same content wait for each other") {
  auto first = open();
  REQUIRE(first.append(bytes_of("content")));

  SECTION("at most as long as they may") {
    std::chrono::milliseconds passed{0};
    lock_wait wait{.longest = std::chrono::milliseconds{250}, .pass = [&](auto pause) {
                     passed += pause;
                     return true;
                   }};
    auto second = blob_writer::open(cache, id, etag, wait);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == errc::in_use);
    CHECK(passed == std::chrono::milliseconds{300});
    CHECK(blob_writer::open(cache, id, etag).error().code == errc::in_use);
  }
  SECTION("until they no longer want to") {
    auto second = blob_writer::open(cache, id, etag,
                                    {.longest = std::chrono::seconds{1}, .pass = [](auto) { return false; }});
    REQUIRE_FALSE(second);
    CHECK(second.error().code == errc::cancelled);
  }
  SECTION("and then find it done") {
    auto second = open({.longest = std::chrono::seconds{1}, .pass = [&](auto) {
                          auto done = std::move(first);
                          return done.commit().has_value();
                        }});
    CHECK(second.has_blob());
  }
  SECTION("but not for other content") { CHECK(blob_writer::open(cache, id, std::string(40, 'e'))); }
}

TEST_CASE_METHOD(cache_folder, "another process and a writer keep each other out") {
  auto lock = root / ".locks" / model_folder / (etag + ".lock");
  int ready[2], leave[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(leave) == 0);
  fs::create_directories(lock.parent_path());
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    char byte = 0;
    auto file = ::open(lock.c_str(), O_RDWR | O_CREAT, 0664);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0 || ::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::close(leave[1]);
    ::_exit(::read(leave[0], &byte, 1) == 0 ? 0 : 1);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(blob_writer::open(cache, id, etag).error().code == errc::in_use);
  ::close(leave[1]);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  for (auto x : {ready[0], ready[1], leave[0]}) ::close(x);
  REQUIRE(status == 0);
  auto mine = open();
  descriptor theirs{::open(lock.c_str(), O_RDWR)};
  CHECK(::flock(theirs.number(), LOCK_EX | LOCK_NB) != 0);
}

TEST_CASE_METHOD(cache_folder, "a lock whose file is removed meanwhile is taken anew") {
  auto lock = root / ".locks" / model_folder / (etag + ".lock");
  put("hub/.locks/" + model_folder + "/" + etag + ".lock", "");
  descriptor theirs{::open(lock.c_str(), O_RDWR)};
  REQUIRE(::flock(theirs.number(), LOCK_EX | LOCK_NB) == 0);
  auto mine = open({.longest = std::chrono::seconds{1}, .pass = [&](auto) {
                      fs::remove(lock);
                      theirs.close();
                      return true;
                    }});
  CHECK(fs::exists(lock));
  CHECK(blob_writer::open(cache, id, etag).error().code == errc::in_use);
}

TEST_CASE_METHOD(cache_folder, "a disk without room is an error of its own, and what fits stays") {
  auto x = open();
  auto old_signal = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old_limit {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  struct rlimit small {
    100, old_limit.rlim_max
  };
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  auto done = x.append(bytes_of(std::string(150, 'x')));
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_signal);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == errc::disk_full);
  CHECK(x.size() == 100);
  CHECK(cannot_write("write", "a", ENOSPC) == error{errc::disk_full, "cannot write 'a': the disk is full"});
  CHECK(cannot_write("write", "a", EDQUOT).code == errc::disk_full);
  CHECK(cannot_write("write", "a", EROFS).what == "cannot write 'a': Read-only file system");
}
