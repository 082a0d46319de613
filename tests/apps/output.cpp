#include "support/catch.hpp"
#include "support/npy.hpp"
#include "support/scratch.hpp"

#include <vef/apps/output.hpp>

#include <vef/apps/lines.hpp>

using namespace vef;
using test::scratch;

namespace fs = std::filesystem;

namespace {

const run_facts facts{.service = "s", .model = "m", .dim = 2};

/// Files in a folder of their own, and the steps of a run.
struct bench {
  scratch at;
  output_paths paths = *output_paths::of(at / "v.npy");

  std::unique_ptr<file_output> open(output_mode mode, const run_facts& x = facts) const {
    auto out = file_output::open(paths, x, mode);
    INFO((out ? std::string{} : out.error().what));
    REQUIRE(out);
    return std::move(*out);
  }

  error refusal(output_mode mode, const run_facts& x = facts) const {
    auto out = file_output::open(paths, x, mode);
    return out ? error{} : out.error();
  }

  static void add(output& out, const std::string& path, float x) {
    REQUIRE(out.add(path, std::vector{x, x + 1}));
  }

  // What kill -9 leaves after some pictures.
  void killed_after(int pictures) const {
    auto out = open(output_mode::fresh);
    for (int i = 0; i < pictures; ++i) add(*out, std::to_string(i) + ".jpg", static_cast<float>(i));
    REQUIRE(out->flush());
  }

  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator{at.folder()}, fs::directory_iterator{}));
  }

  // The finished files fit together: every row has its line, and the row of i.jpg begins with i.
  void check_finished(std::size_t rows) const {
    auto vectors = test::read_npy<float>(paths.vectors);
    REQUIRE(vectors.shape == std::vector<std::size_t>{rows, 2});
    std::size_t next = 0;
    for (const auto& text : test::lines_of(paths.lines)) {
      auto line = read_line(text);
      REQUIRE(line);
      if (!line->row) continue;
      CHECK(*line->row == next);
      CHECK(vectors.row(next++)[0] == std::stof(line->path));
    }
    CHECK(next == rows);
    CHECK(read_run_facts(paths.facts) == facts);
    CHECK(files() == 3);
  }
};

} // namespace

TEST_CASE("an output appears when it is complete and not before") {
  bench b;
  auto out = b.open(output_mode::fresh);
  b.add(*out, "0.jpg", 0);
  REQUIRE(out->add("bad.jpg", error{errc::empty_image, "why"}));
  b.add(*out, "1.jpg", 1);
  REQUIRE(out->flush());
  CHECK_FALSE(fs::exists(b.paths.vectors));
  CHECK_FALSE(fs::exists(b.paths.lines));
  REQUIRE(out->finish());
  b.check_finished(2);
  CHECK(test::lines_of(b.paths.lines).size() == 3);
}

TEST_CASE("an earlier output stays until the new one is complete") {
  bench b;
  {
    auto out = b.open(output_mode::fresh);
    b.add(*out, "0.jpg", 0);
    REQUIRE(out->finish());
  }
  auto out = b.open(output_mode::fresh);
  b.add(*out, "1.jpg", 1);
  REQUIRE(out->flush());
  CHECK(test::lines_of(b.paths.lines).front().find("0.jpg") != std::string::npos);
  REQUIRE(out->finish());
  out.reset();
  b.check_finished(1);
}

TEST_CASE("an output of no rows is a valid one") {
  bench b;
  REQUIRE(b.open(output_mode::fresh)->finish());
  auto vectors = test::read_npy<float>(b.paths.vectors);
  CHECK(vectors.shape == std::vector<std::size_t>{0, 2});
}

TEST_CASE("a run that was killed is gone on with") {
  bench b;
  b.killed_after(3);
  auto out = b.open(output_mode::resume);
  CHECK(out->earlier().rows == 3);
  CHECK(out->earlier().done.contains("2.jpg"));
  b.add(*out, "3.jpg", 3);
  REQUIRE(out->finish());
  b.check_finished(4);
}

TEST_CASE("a run that was killed while it wrote is made consistent") {
  for (auto [lost_of_vectors, lost_of_lines, kept] :
       {std::tuple{0, 5, 4}, {0, 1, 5}, {3, 0, 4}, {8, 0, 4}, {9, 0, 3}, {12, 40, 3}}) {
    bench b;
    b.killed_after(5);
    auto cut = [](const fs::path& file, int bytes) {
      fs::resize_file(file, fs::file_size(file) - static_cast<std::uintmax_t>(bytes));
    };
    cut(output_paths::partial(b.paths.vectors), lost_of_vectors);
    cut(output_paths::partial(b.paths.lines), lost_of_lines);
    auto out = b.open(output_mode::resume);
    CHECK(out->rows() == static_cast<std::uint64_t>(kept));
    for (auto i = kept; i < 7; ++i) b.add(*out, std::to_string(i) + ".jpg", static_cast<float>(i));
    REQUIRE(out->finish());
    b.check_finished(7);
  }
}

TEST_CASE("a finished output is gone on with and failures are tried again") {
  bench b;
  {
    auto out = b.open(output_mode::fresh);
    b.add(*out, "0.jpg", 0);
    REQUIRE(out->add("1.jpg", error{errc::empty_image, "why"}));
    b.add(*out, "2.jpg", 2);
    REQUIRE(out->finish());
  }
  auto out = b.open(output_mode::resume);
  CHECK(out->earlier().done == std::unordered_set<std::string>{"0.jpg", "2.jpg"});
  CHECK(fs::exists(b.paths.vectors));
  b.add(*out, "1.jpg", 1);
  REQUIRE(out->finish());
  out.reset();
  b.check_finished(3);
  CHECK(test::lines_of(b.paths.lines).size() == 3);
}

TEST_CASE("a run that ended between two renames is gone on with") {
  for (int renamed : {1, 2}) {
    bench b;
    {
      auto out = b.open(output_mode::fresh); // what the new files are to replace
      b.add(*out, "7.jpg", 7);
      REQUIRE(out->finish());
    }
    b.killed_after(3);
    fs::rename(output_paths::partial(b.paths.facts), b.paths.facts);
    if (renamed == 2) fs::rename(output_paths::partial(b.paths.lines), b.paths.lines);
    auto out = b.open(output_mode::resume);
    CHECK(out->rows() == 3);
    REQUIRE(out->finish());
    out.reset();
    b.check_finished(3);
  }
}

TEST_CASE("resuming what was never begun begins it") {
  bench b;
  auto out = b.open(output_mode::resume);
  CHECK(out->rows() == 0);
  b.add(*out, "0.jpg", 0);
  REQUIRE(out->finish());
  b.check_finished(1);
}

TEST_CASE("an unfinished run is not thrown away by accident") {
  bench b;
  b.killed_after(2);
  auto refusal = b.refusal(output_mode::fresh);
  CHECK(refusal.code == errc::in_use);
  CHECK(refusal.what.find("2 pictures") != std::string::npos);
  auto out = b.open(output_mode::restart);
  b.add(*out, "5.jpg", 5);
  REQUIRE(out->finish());
  b.check_finished(1);
}

TEST_CASE("an unfinished run without rows is simply begun again") {
  bench b;
  b.killed_after(0);
  CHECK_FALSE(b.refusal(output_mode::fresh));
}

TEST_CASE("another model or variant or length is refused and changes nothing") {
  bench b;
  b.killed_after(3);
  auto before = test::content_of(output_paths::partial(b.paths.lines));
  auto other = facts;
  other.model = "n";
  auto refusal = b.refusal(output_mode::resume, other);
  CHECK(refusal.code == errc::invalid_argument);
  CHECK(refusal.what.find("--model m") != std::string::npos);
  other = facts;
  other.variant = "flip";
  CHECK(b.refusal(output_mode::resume, other).what.find("--variant default") != std::string::npos);
  other = facts;
  other.dim = 3;
  CHECK(b.refusal(output_mode::resume, other).what.find("have 2 numbers") != std::string::npos);
  CHECK(test::content_of(output_paths::partial(b.paths.lines)) == before);
  CHECK(b.open(output_mode::resume)->rows() == 3);
}

TEST_CASE("files that no run left are refused for resuming") {
  bench b;
  b.at.put("v.npy", "something else");
  CHECK(b.refusal(output_mode::resume).code == errc::invalid_config);
  b.at.put("v.meta.json", to_text(facts));
  CHECK(b.refusal(output_mode::resume).code == errc::invalid_config);
  b.at.put("v.jsonl", "");
  CHECK(b.refusal(output_mode::resume).code == errc::invalid_config);
  CHECK(test::content_of(b.paths.vectors) == "something else");
  CHECK(b.files() == 3);
}

TEST_CASE("two runs never write one output") {
  bench b;
  auto out = b.open(output_mode::fresh);
  for (auto mode : {output_mode::fresh, output_mode::resume, output_mode::restart})
    CHECK(b.refusal(mode).code == errc::in_use);
  b.add(*out, "0.jpg", 0);
  REQUIRE(out->finish());
  b.check_finished(1);
}

TEST_CASE("places that can't be written are told about and left clean") {
  bench b;
  b.paths = *output_paths::of(b.at / "none/v.npy");
  CHECK(b.refusal(output_mode::fresh).code == errc::cannot_write);
  b.paths = *output_paths::of(b.at / "v.npy");
  fs::create_directory(b.at / "v.npy");
  CHECK(b.refusal(output_mode::fresh).what.find("it is a folder") != std::string::npos);
  fs::remove(b.at / "v.npy");
  fs::create_directory(b.at / "v.jsonl.partial");
  CHECK(b.refusal(output_mode::fresh).code == errc::cannot_write);
  CHECK(b.files() == 1);
}

TEST_CASE("an abandoned run leaves nothing and takes nothing") {
  bench b;
  b.open(output_mode::fresh)->abandon();
  CHECK(b.files() == 0);
  b.killed_after(2);
  b.open(output_mode::resume)->abandon();
  CHECK(b.open(output_mode::resume)->rows() == 2);
}

TEST_CASE("names of outputs end in npy") {
  CHECK(output_paths::of("a/b.npy")->lines == "a/b.jsonl");
  CHECK(output_paths::of("a/b.npy")->facts == "a/b.meta.json");
  for (auto name : {"", "a", "a.jsonl", "a.npy/", ".npy"}) CHECK_FALSE(output_paths::of(name));
}
