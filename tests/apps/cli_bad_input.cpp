#include "apps/cli_support.hpp"

#include <sys/stat.h>
#include <unistd.h>

using namespace vef::test;

namespace fs = std::filesystem;

namespace {

// One line, begun by the program's name, that says what and what to do.
void check_one_line(const std::string& err) {
  INFO(err);
  CHECK(split(err).size() == 1);
  CHECK(err.starts_with("vef: "));
  CHECK(err.find("terminate called") == std::string::npos);
}

finished embed(const scratch& at, std::vector<std::string> arguments, const call& how = {}) {
  arguments.insert(arguments.begin(), "embed");
  return vef::test::vef(at, arguments, how);
}

struct bad_file {
  std::string name;
  std::string error;
};

} // namespace

TEST_CASE("bad files get a line each and the good ones their vectors") {
  scratch at;
  auto good = put_picture(at, "in/a-good.jpg", 1);
  auto jpeg = content_of(good);
  at.put("in/b-empty.jpg", "");
  at.put("in/c-text.jpg", "this is a text and no picture at all");
  at.put("in/d-truncated.jpg", jpeg.substr(0, jpeg.size() / 2));
  REQUIRE(::mkfifo((at / "in/e-fifo.jpg").c_str(), 0600) == 0);
  fs::create_symlink("/dev/zero", at / "in/f-device.jpg");
  fs::create_symlink("nowhere", at / "in/g-missing.jpg");
  fs::create_symlink("h-loop.jpg", at / "in/h-loop.jpg");
  put_picture(at, "in/z-good.png", 2);
  auto run = embed(at, {"in", "-o", "v.npy", "-q"});
  CHECK(run.code == 3);
  auto lines = json_lines(content_of(at / "v.jsonl"));
  std::vector<bad_file> expected{{"a-good.jpg", ""},
                                 {"b-empty.jpg", "empty_image"},
                                 {"c-text.jpg", "not_a_picture"},
                                 {"d-truncated.jpg", "truncated_image"},
                                 {"e-fifo.jpg", "not_a_file"},
                                 {"f-device.jpg", "not_a_file"},
                                 {"g-missing.jpg", "file_not_found"},
                                 {"h-loop.jpg", "file_unreadable"},
                                 {"z-good.png", ""}};
  REQUIRE(lines.size() == expected.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    INFO(lines[i].dump());
    CHECK(lines[i]["path"] == "in/" + expected[i].name);
    CHECK(lines[i].value("error", "") == expected[i].error);
    CHECK(lines[i].contains("row") == expected[i].error.empty());
    if (!expected[i].error.empty()) CHECK(count_of(run.err, expected[i].name) == 1);
  }
  CHECK(lines.back()["row"] == 1);
  CHECK(split(run.err).size() == 7);
  CHECK(read_npy<float>(at / "v.npy").shape[0] == 2);
}

TEST_CASE("a missing path has its line and the others go on") {
  scratch at;
  auto good = put_picture(at, "a.jpg", 1);
  auto run = embed(at, {"none.jpg", good, "-o", "v.npy", "-q"});
  CHECK(run.code == 3);
  check_one_line(run.err);
  auto lines = json_lines(content_of(at / "v.jsonl"));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["error"] == "file_not_found");
  CHECK(lines[1]["row"] == 0);
}

TEST_CASE("where nothing could be embedded the status is one") {
  scratch at;
  auto run = embed(at, {"none.jpg", "-o", "v.npy", "-q"});
  CHECK(run.code == 1);
  check_one_line(run.err);
  CHECK(read_npy<float>(at / "v.npy").shape[0] == 0);
  CHECK(json_lines(content_of(at / "v.jsonl")).size() == 1);
}

TEST_CASE("a folder without pictures is told about and leaves nothing") {
  scratch at;
  at.put("in/notes.txt");
  at.put("in/.hidden.jpg");
  auto run = embed(at, {"in", "-o", "v.npy"});
  CHECK(run.code == 1);
  check_one_line(run.err);
  CHECK(run.err.find("found no pictures in 'in'; passed over 1 other file, 1 hidden one")
        != std::string::npos);
  CHECK_FALSE(fs::exists(at / "v.npy"));
  CHECK_FALSE(fs::exists(at / "v.npy.partial"));
}

TEST_CASE("unknown models and variants and options are told with the nearest") {
  scratch at;
  auto good = put_picture(at, "a.jpg", 1);
  struct slip {
    std::vector<std::string> arguments;
    std::string nearest;
  };
  for (const auto& x : {slip{{good, "--model", "descriptor-small"}, "did you mean 'descriptors-small'?"},
                        slip{{good, "--variant", "sqash"}, "did you mean 'squash'?"},
                        slip{{good, "--modle", "m"}, "did you mean '--model'?"},
                        slip{{good, "--log-level", "inf"}, "did you mean 'info'?"}}) {
    auto run = embed(at, x.arguments);
    CHECK(run.code == 2);
    check_one_line(run.err);
    CHECK(run.err.find(x.nearest) != std::string::npos);
  }
  auto run = vef::test::vef(at, {"embde", good});
  CHECK(run.code == 2);
  check_one_line(run.err);
  CHECK(run.err.find("did you mean 'embed'?") != std::string::npos);
  CHECK_FALSE(fs::exists(at / "embeddings.npy.partial"));
}

TEST_CASE("bad arguments end with two and one line") {
  scratch at;
  auto good = put_picture(at, "a.jpg", 1);
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {},
           {"embed"},
           {"embed", good, "--batch", "0"},
           {"embed", good, "--batch", "x"},
           {"embed", good, "--jobs", "-1"},
           {"embed", good, "--budget", "2XB"},
           {"embed", good, "--budget", "lots"},
           {"embed", good, "--budget", "0"},
           {"embed", good, "--budget", "-1GB"},
           {"embed", good, "--budget", "100TB"},
           {"embed", good, "--resume", "--restart"},
           {"embed", good, "-o", "-", "--resume"},
           {"embed", good, "-o", "v.txt"},
           {"embed", good, "--models", "none"},
           {"embed", good, "--model", "none.pt"},
           {"info"},
           {"info", "nothing-like-it"},
           {"similar", good},
           {"similar", good, "--in", "none.npy"},
           {"neighbours", "--in", "none.npy"},
           {"duplicates", "--in", good, "--threshold", "2"},
           {"duplicates", "--in", good},
           {"models", "surplus"},
       }) {
    auto run = vef::test::vef(at, arguments);
    std::string words;
    for (const auto& x : arguments) words += x + ' ';
    INFO(words);
    CHECK(run.code == 2);
    check_one_line(run.err);
    CHECK(run.out.empty());
  }
}

TEST_CASE("a level of the log that there is not is refused in the environment too") {
  scratch at;
  auto run = vef::test::vef(at, {"models"}, {.environment = {"VEF_LOG=loud"}});
  CHECK(run.code == 2);
  check_one_line(run.err);
  CHECK(run.err.find("VEF_LOG") != std::string::npos);
}

TEST_CASE("an output that can't be written is told before any work") {
  scratch at;
  auto good = put_picture(at, "a.jpg", 1);
  fs::create_directory(at / "folder.npy");
  fs::create_symlink("/dev/full", at / "device.npy");
  for (auto out : {"none/v.npy", "folder.npy", "device.npy", "/proc/v.npy", "a.jpg/v.npy"}) {
    auto run = embed(at, {good, "-o", out, "-v"});
    INFO(run.err);
    CHECK(run.code == 2);
    CHECK(run.err.find("vef: cannot write ") != std::string::npos);
    CHECK(run.err.find("model ") == std::string::npos);
  }
}

TEST_CASE("a full standard output ends with one line") {
  scratch at;
  auto good = put_picture(at, "a.jpg", 1);
  auto run = embed(at, {good, "-o", "-", "-q"}, {.stdout_to = "/dev/full"});
  CHECK(run.code == 1);
  check_one_line(run.err);
  CHECK(run.err.find("No space left on device") != std::string::npos);
  run = vef::test::vef(at, {"models"}, {.stdout_to = "/dev/full"});
  CHECK(run.code == 1);
  check_one_line(run.err);
}

TEST_CASE("a file that may not grow ends with one line and what is done can be gone on with") {
  scratch at;
  for (int i = 0; i < 80; ++i) put_picture(at, "in/" + std::to_string(100 + i) + ".jpg", i);
  auto run = embed(at, {"in", "-o", "v.npy", "-q", "--batch", "4"}, {.file_limit = 50'000});
  CHECK(run.code == 1);
  check_one_line(run.err);
  CHECK(run.err.find("--resume") != std::string::npos);
  CHECK_FALSE(fs::exists(at / "v.npy"));
  auto again = embed(at, {"in", "-o", "v.npy", "--resume"});
  CHECK(again.code == 0);
  CHECK(again.err.find("done before") != std::string::npos);
  CHECK(read_npy<float>(at / "v.npy").shape[0] == 80);
  auto lines = json_lines(content_of(at / "v.jsonl"));
  REQUIRE(lines.size() == 80);
  for (std::size_t i = 0; i < 80; ++i) CHECK(lines[i]["path"] == "in/" + std::to_string(100 + i) + ".jpg");
}

TEST_CASE("a damaged description of a model is told with its place") {
  scratch at;
  if (!has_torch(at)) return report_skipped("needs the torch backend");
  auto good = put_picture(at, "a.jpg", 1);
  at.put("m.pt", "no weights");
  at.put("m.pt.toml", "id = \"m\"\nfile = \n");
  auto run = embed(at, {good, "-o", "v.npy", "--model", at / "m.pt"});
  INFO(run.err);
  CHECK(run.code == 2);
  CHECK(run.err.find("m.pt.toml:2:") != std::string::npos);
}

TEST_CASE("weights that can't be loaded end with one and leave nothing") {
  scratch at;
  if (!has_torch(at)) return report_skipped("needs the torch backend");
  auto good = put_picture(at, "a.jpg", 1);
  at.put("m.pt", "no weights");
  at.put("m.pt.toml",
         "id = \"m\"\nfile = \"m.pt\"\ninput = { size = [32, 32] }\nresize = { size = [32, 32], "
         "interpolation = \"bilinear\" }\nscale = 1.0\nmean = [0, 0, 0]\nstd = [1, 1, 1]\noutput = { dim "
         "= 4 }\n");
  auto run = embed(at, {good, "-o", "v.npy", "--model", at / "m.pt"});
  INFO(run.err);
  CHECK(run.code == 1);
  CHECK(count_of(run.err, "vef: cannot load 'm'") == 1);
  CHECK_FALSE(fs::exists(at / "v.npy.partial"));
}

TEST_CASE("a budget that no model fits into is told") {
  scratch at;
  auto good = put_picture(at, "a.jpg", 1);
  auto run = embed(at, {good, "-o", "v.npy", "--budget", "10KB", "-q"});
  INFO(run.err);
  CHECK(run.code == 1);
  CHECK(run.err.find("budget") != std::string::npos);
}

TEST_CASE("awkward files of all kinds end with a line each") {
  auto odd = shared_dir() / "data/images/odd";
  VEF_NEEDS(odd)
  scratch at;
  auto run = embed(at, {odd.string(), "-o", "v.npy", "-q"});
  CHECK(run.code == 3);
  std::size_t failed = 0;
  for (const auto& x : json_lines(content_of(at / "v.jsonl"))) failed += x.contains("error");
  CHECK(failed > 0);
  CHECK(split(run.err).size() == failed);
}
