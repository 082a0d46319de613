#include "apps/cli_support.hpp"

#include <cmath>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace vef::test;

namespace fs = std::filesystem;

namespace {

// Ten pictures in two folders, with things between that are none.
void put_album(const scratch& at) {
  for (int i = 0; i < 10; ++i)
    put_picture(at, (i < 5 ? "album/a/" : "album/b/") + std::to_string(i) + (i % 2 == 0 ? ".jpg" : ".png"),
                i);
  at.put("album/a/notes.txt");
  at.put("album/.trash/x.jpg");
}

} // namespace

TEST_CASE("embedding a folder writes a row and a line for each picture in order") {
  scratch at;
  put_album(at);
  auto run = vef::test::vef(at, {"embed", "album", "-o", "v.npy"});
  INFO(run.err);
  REQUIRE(run.code == 0);
  CHECK(run.out.empty());
  auto vectors = read_npy<float>(at / "v.npy");
  REQUIRE(vectors.shape.size() == 2);
  CHECK(vectors.shape[0] == 10);
  auto lines = json_lines(content_of(at / "v.jsonl"));
  REQUIRE(lines.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(lines[i]["row"] == i);
    auto folder = i < 5 ? "album/a/" : "album/b/";
    CHECK(lines[i]["path"] == folder + std::to_string(i) + (i % 2 == 0 ? ".jpg" : ".png"));
    double length = 0;
    for (std::size_t d = 0; d < vectors.shape[1]; ++d)
      length += double{vectors.row(i)[d]} * vectors.row(i)[d];
    CHECK(std::sqrt(length) == Approx(1).margin(1e-3));
  }
  CHECK(run.err.find("embedded 10 of 10 pictures") != std::string::npos);
  CHECK(run.err.find("passed over 1 other file, 1 hidden one") != std::string::npos);
  CHECK_FALSE(fs::exists(at / "v.npy.partial"));
}

TEST_CASE("without an output the vectors go to embeddings.npy") {
  scratch at;
  auto picture = put_picture(at, "a.jpg", 1);
  CHECK(vef::test::vef(at, {"embed", picture, "-q"}).code == 0);
  CHECK(read_npy<float>(at / "embeddings.npy").shape[0] == 1);
}

TEST_CASE("batch and threads and jobs change no vector beyond rounding") {
  scratch at;
  put_album(at);
  REQUIRE(vef::test::vef(at, {"embed", "album", "-o", "a.npy"}).code == 0);
  REQUIRE(vef::test::vef(at, {"embed", "album", "-o", "b.npy", "--batch", "3", "--threads", "1", "--jobs",
                              "2", "--budget", "512MiB"})
              .code
          == 0);
  auto a = read_npy<float>(at / "a.npy"), b = read_npy<float>(at / "b.npy");
  REQUIRE(a.shape == b.shape);
  for (std::size_t i = 0; i < a.values.size(); ++i) CHECK(a.values[i] == Approx(b.values[i]).margin(1e-5));
}

TEST_CASE("a variant changes the vectors") {
  scratch at;
  auto picture = put_picture(at, "a.png", 1);
  REQUIRE(vef::test::vef(at, {"embed", picture, "-o", "a.npy"}).code == 0);
  REQUIRE(vef::test::vef(at, {"embed", picture, "-o", "b.npy", "--variant", "flip"}).code == 0);
  CHECK(read_npy<float>(at / "a.npy").values != read_npy<float>(at / "b.npy").values);
}

TEST_CASE("standard output gets lines with vectors and nothing else") {
  scratch at;
  put_album(at);
  at.put("album/b/6x.jpg", "no picture");
  auto run = vef::test::vef(at, {"embed", "album", "-o", "-"});
  CHECK(run.code == 3);
  auto lines = json_lines(run.out);
  REQUIRE(lines.size() == 11);
  CHECK(lines[6]["path"] == "album/b/6.jpg");
  CHECK(lines[6]["row"] == 6);
  CHECK(lines[6]["vector"].size() == 394);
  CHECK(lines[7]["path"] == "album/b/6x.jpg");
  CHECK(lines[7]["error"] == "not_a_picture");
  CHECK(lines[8]["row"] == 7);
}

TEST_CASE("names with blanks and line breaks and bytes that are no text are embedded") {
  scratch at;
  std::vector<std::string> names{"in/a b.jpg", "in/line\nbreak.jpg", "in/\xc3\xa4.jpg", "in/\xff\xfe.jpg"};
  for (std::size_t i = 0; i < names.size(); ++i)
    fs::copy_file(put_picture(at, "p.jpg", static_cast<int>(i)),
                  (fs::create_directories(at / "in"), fs::path{at / names[i]}));
  REQUIRE(vef::test::vef(at, {"embed", "in", "-o", "v.npy"}).code == 0);
  auto lines = json_lines(content_of(at / "v.jsonl"));
  REQUIRE(lines.size() == 4);
  CHECK(lines[0]["path"] == "in/a b.jpg");
  CHECK(lines[1]["path"] == "in/line\nbreak.jpg");
  CHECK(lines[2]["path"] == "in/\xc3\xa4.jpg");
  CHECK(lines[3]["path_hex"] == "696e2ffffe2e6a7067");
  auto again = vef::test::vef(at, {"embed", "in", "-o", "v.npy", "--resume"});
  CHECK(again.code == 0);
  CHECK(again.err.find("nothing is left to do") != std::string::npos);
  CHECK(vef::test::vef(at, {"neighbours", "--in", "v.npy", "--sheet", "s.png"}).code == 0);
  CHECK_NOTHROW(nlohmann::json::parse(vef::test::vef(at, {"neighbours", "--in", "v.npy", "--json"}).out));
}

TEST_CASE("quiet says nothing where all goes well") {
  scratch at;
  auto picture = put_picture(at, "a.jpg", 1);
  auto run = vef::test::vef(at, {"embed", picture, "-o", "v.npy", "-q"});
  CHECK(run.code == 0);
  CHECK(run.err.empty());
}

TEST_CASE("verbose and the environment turn the log on and it goes to standard error") {
  scratch at;
  auto picture = put_picture(at, "a.jpg", 1);
  for (const auto& run :
       {vef::test::vef(at, {"-v", "embed", picture, "-o", "-"}),
        vef::test::vef(at, {"embed", picture, "-o", "-", "--log-level", "info"}),
        vef::test::vef(at, {"embed", picture, "-o", "-"}, {.environment = {"VEF_LOG=info"}})}) {
    CHECK(run.err.find(" info service descriptors ") != std::string::npos);
    CHECK(json_lines(run.out).size() == 1);
  }
  CHECK(vef::test::vef(at, {"embed", picture, "-o", "-"}).err.find(" info ") == std::string::npos);
}

TEST_CASE("a reader that leaves early ends the program without a word") {
  scratch at;
  put_picture(at, "in/p.jpg", 1);
  for (int i = 0; i < 400; ++i)
    fs::create_hard_link(at / "in/p.jpg", at / "in/" + std::to_string(i) + ".jpg");
  auto pipe = at / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  auto reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  process run{at, {"embed", "in", "-o", "-"}, {.stdout_to = pipe}};
  pollfd some{reader, POLLIN, 0};
  REQUIRE(::poll(&some, 1, 60000) == 1);
  ::close(reader);
  CHECK(run.wait() == 141);
  CHECK(run.err().empty());
}

TEST_CASE("a terminal sees a bar with rate and time left") {
  scratch at;
  put_picture(at, "in/p.jpg", 1, 1600, 1200);
  for (int i = 0; i < 60; ++i) fs::create_hard_link(at / "in/p.jpg", at / "in/" + std::to_string(i) + ".jpg");
  auto folder = at / "in", out = at / "v.npy";
  int terminal = -1;
  winsize size{24, 90, 0, 0};
  auto pid = ::forkpty(&terminal, nullptr, nullptr, &size);
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::setenv("TERM", "xterm", 1);
    ::execl(VEF_PROGRAM, "vef", "embed", folder.c_str(), "-o", out.c_str(), "-b", "2", nullptr);
    ::_exit(127);
  }
  std::string seen;
  char buffer[4096];
  for (pollfd more{terminal, POLLIN, 0}; ::poll(&more, 1, 60000) == 1;) {
    auto n = ::read(terminal, buffer, sizeof buffer);
    if (n <= 0) break; // the other side is closed
    seen.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(terminal);
  int status = 0;
  ::waitpid(pid, &status, 0);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(count_of(seen, "\r\x1b[K[") > 1);
  CHECK(seen.find("/s  ") != std::string::npos);
  CHECK(seen.find(" left") != std::string::npos);
  CHECK(seen.find(" of 61 ") != std::string::npos);
}

TEST_CASE("a model file is embedded with and its run can be searched") {
  scratch at;
  auto models = shared_dir() / "data/models/mobilenet_v1_025_224";
  VEF_NEEDS(models)
  if (!has_torch(at)) return report_skipped("needs the torch backend");
  put_album(at);
  auto file = (models / "mobilenet_v1_025_224.pt").string();
  auto run = vef::test::vef(at, {"embed", "album", "-o", "v.npy", "--model", file});
  INFO(run.err);
  REQUIRE(run.code == 0);
  CHECK(read_npy<float>(at / "v.npy").shape == std::vector<std::size_t>{10, 256});
  auto facts = nlohmann::json::parse(content_of(at / "v.meta.json"));
  CHECK(facts["service"] == "torch");
  auto picture = put_picture(at, "new.jpg", 3);
  auto found = vef::test::vef(at, {"similar", picture, "--in", "v.npy", "-k", "1", "--json"});
  REQUIRE(found.code == 0);
  CHECK(nlohmann::json::parse(found.out)["matches"][0]["path"] == "album/a/3.png");
  auto id = facts["model"].get<std::string>();
  auto by_folder =
      vef::test::vef(at, {"info", id, "--json"}, {.environment = {"VEF_MODELS=" + models.string()}});
  CHECK(by_folder.code == 0);
}
