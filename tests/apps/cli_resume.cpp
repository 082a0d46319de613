#include "apps/cli_support.hpp"

#include <algorithm>
#include <csignal>

using namespace vef::test;

namespace fs = std::filesystem;

namespace {

constexpr std::size_t pictures = 3000;

// Many files of one large picture: decoding it takes a while, so that there is something to interrupt.
struct long_run {
  scratch at;
  std::vector<std::string> command{"embed", "in", "-o", "v.npy", "--batch", "1", "--threads", "1"};

  long_run() {
    put_picture(at, "in/p.jpg", 1, 1600, 1200);
    for (std::size_t i = 1; i < pictures; ++i)
      fs::create_hard_link(at / "in/p.jpg", at / "in/p" + std::to_string(10000 + i) + ".jpg");
  }

  // Starts it and waits for some rows.
  std::unique_ptr<process> start() const {
    auto run = std::make_unique<process>(at, command);
    auto some = [this] {
      std::error_code none;
      auto size = fs::file_size(at / "v.npy.partial", none);
      return !none && size > 10'000;
    };
    INFO(run->err());
    REQUIRE(run->wait_until(at.folder(), some));
    return run;
  }

  // The first n pictures have their rows, in order.
  void check_rows(std::size_t n) const {
    CHECK(read_npy<float>(at / "v.npy").shape[0] == n);
    auto lines = json_lines(content_of(at / "v.jsonl"));
    REQUIRE(lines.size() == n);
    std::size_t right = 0;
    for (std::size_t i = 0; i < n; ++i) {
      auto name = i == 0 ? "in/p.jpg" : "in/p" + std::to_string(10000 + i) + ".jpg";
      right += lines[i]["row"] == i && lines[i]["path"] == name;
    }
    CHECK(right == n);
  }

  // Keeps only as many inputs as were done and a few more, so that going on is quick.
  void shorten(std::size_t n) const {
    for (auto i = n; i < pictures; ++i) fs::remove(at / "in/p" + std::to_string(10000 + i) + ".jpg");
  }

  // Rows written by a run that was cut off.
  std::size_t done() const { return fs::file_size(at / "v.npy.partial") / (394 * sizeof(float)); }

  void go_on_to(std::size_t n) {
    shorten(n);
    command.push_back("--resume");
    process run{at, command};
    CHECK(run.wait() == 0);
    INFO(run.err());
    CHECK(run.err().find("done before") != std::string::npos);
    check_rows(n);
  }
};

} // namespace

TEST_CASE("an interrupted run leaves valid files and is gone on with") {
  for (auto signal : {SIGINT, SIGTERM}) {
    long_run x;
    auto run = x.start();
    run->signal(signal);
    CHECK(run->wait() == 130);
    CHECK(run->err().find("interrupted; finishing the pictures under way") != std::string::npos);
    CHECK(run->err().find("--resume") != std::string::npos);
    CHECK_FALSE(fs::exists(x.at / "v.npy.partial"));
    auto rows = read_npy<float>(x.at / "v.npy").shape[0];
    REQUIRE(rows > 0);
    REQUIRE(rows < pictures);
    x.check_rows(rows);
    x.go_on_to(rows + 20);
  }
}

TEST_CASE("a second interrupt ends at once and loses nothing that was written") {
  long_run x;
  auto run = x.start();
  run->signal(SIGINT);
  REQUIRE(run->wait_until(fs::path{run->err_file()}.parent_path(),
                          [&] { return run->err().find("interrupted") != std::string::npos; }));
  run->signal(SIGINT);
  CHECK(run->wait() == 130);
  x.go_on_to(x.done() + 100);
}

TEST_CASE("a run that was killed is gone on with where it was") {
  long_run x;
  auto run = x.start();
  run->signal(SIGKILL);
  CHECK(run->wait() == -SIGKILL);
  CHECK_FALSE(fs::exists(x.at / "v.npy"));
  process again{x.at, x.command};
  CHECK(again.wait() == 2);
  CHECK(again.err().find("an unfinished run with ") != std::string::npos);
  x.go_on_to(x.done() + 100);
}

TEST_CASE("two runs never write one output at the same time") {
  long_run x;
  auto run = x.start();
  process other{x.at, x.command};
  CHECK(other.wait() == 2);
  CHECK(other.err().find("another run of vef is writing it") != std::string::npos);
}

TEST_CASE("going on with another model or variant is refused and says which it was") {
  scratch at;
  auto picture = put_picture(at, "a.jpg", 1);
  REQUIRE(vef::test::vef(at, {"embed", picture, "-o", "v.npy"}).code == 0);
  auto before = content_of(at / "v.npy");
  auto run =
      vef::test::vef(at, {"embed", picture, "-o", "v.npy", "--resume", "--model", "descriptors-large"});
  CHECK(run.code == 2);
  CHECK(run.err.find("made with model 'descriptors-small'") != std::string::npos);
  run = vef::test::vef(at, {"embed", picture, "-o", "v.npy", "--resume", "--variant", "flip"});
  CHECK(run.code == 2);
  CHECK(run.err.find("--variant default") != std::string::npos);
  CHECK(content_of(at / "v.npy") == before);
}

TEST_CASE("what failed is tried again when a run is gone on with") {
  scratch at;
  put_picture(at, "in/a.jpg", 1);
  at.put("in/b.jpg", "no picture");
  CHECK(vef::test::vef(at, {"embed", "in", "-o", "v.npy"}).code == 3);
  CHECK(vef::test::vef(at, {"embed", "in", "-o", "v.npy", "--resume"}).code == 3);
  put_picture(at, "in/b.jpg", 2);
  put_picture(at, "in/c.jpg", 3);
  CHECK(vef::test::vef(at, {"embed", "in", "-o", "v.npy", "--resume"}).code == 0);
  auto lines = json_lines(content_of(at / "v.jsonl"));
  REQUIRE(lines.size() == 3);
  CHECK(lines[1]["path"] == "in/b.jpg");
  CHECK(lines[2]["row"] == 2);
}

TEST_CASE("resuming without an earlier run is a run") {
  scratch at;
  auto picture = put_picture(at, "a.jpg", 1);
  CHECK(vef::test::vef(at, {"embed", picture, "-o", "v.npy", "--resume"}).code == 0);
  CHECK(read_npy<float>(at / "v.npy").shape[0] == 1);
}
