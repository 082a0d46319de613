#include "apps/cli_support.hpp"

#include <vef/apps/text.hpp>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

using namespace vef::test;

namespace fs = std::filesystem;

namespace {

// Six scenes, of two of which there is a smaller copy.
void put_scenes(const scratch& at) {
  for (int i = 0; i < 6; ++i) put_picture(at, "in/scene" + std::to_string(i) + ".png", i, 320, 240);
  for (int i : {1, 4}) {
    auto picture = cv::imread(at / "in/scene" + std::to_string(i) + ".png");
    cv::Mat small;
    cv::resize(picture, small, {160, 120}, 0, 0, cv::INTER_AREA);
    cv::imwrite(at / "in/copy" + std::to_string(i) + ".jpg", small);
  }
  REQUIRE(vef::test::vef(at, {"embed", "in", "-o", "v.npy", "-q"}).code == 0);
}

void check_page(const std::string& text) {
  for (const auto& line : split(text)) {
    INFO(line);
    CHECK(vef::display_width(line) <= vef::page_width);
  }
}

} // namespace

TEST_CASE("a copy of a picture is found first among the similar") {
  scratch at;
  put_scenes(at);
  auto found = vef::test::vef(at, {"similar", "in/copy4.jpg", "--in", "v.npy", "-k", "2", "--json"});
  REQUIRE(found.code == 0);
  auto matches = nlohmann::json::parse(found.out)["matches"];
  REQUIRE(matches.size() == 2);
  CHECK(matches[0]["path"] == "in/scene4.png");
  CHECK(matches[0]["similarity"] > 0.95);
  auto table = vef::test::vef(at, {"similar", "in/copy4.jpg", "--in", "v.npy", "--sheet", "s.png"});
  CHECK(table.code == 0);
  CHECK(split(table.out).size() == 6);
  check_page(table.out);
  CHECK_FALSE(cv::imread(at / "s.png").empty());
}

TEST_CASE("neighbours are shown for each picture and drawn by scene") {
  scratch at;
  put_scenes(at);
  auto all = vef::test::vef(at, {"neighbours", "--in", "v.npy", "-k", "2", "--json"});
  REQUIRE(all.code == 0);
  auto rows = nlohmann::json::parse(all.out);
  REQUIRE(rows.size() == 8);
  CHECK(rows[0]["path"] == "in/copy1.jpg");
  CHECK(rows[0]["neighbours"][0]["path"] == "in/scene1.png");
  auto some =
      vef::test::vef(at, {"neighbours", "--in", "v.npy", "--rows", "2", "-k", "1", "--sheet", "s.png"});
  CHECK(some.code == 0);
  check_page(some.out);
  check_page(vef::test::vef(at, {"neighbours", "--in", "v.npy", "-k", "5"}).out);
  CHECK(count_of(some.out, "scene1.png") == 1);
  CHECK(count_of(some.out, "scene4.png") == 1);
  CHECK(some.err == "vef: wrote s.png\n");
  CHECK_FALSE(cv::imread(at / "s.png").empty());
}

TEST_CASE("duplicates are grouped at the usual threshold") {
  scratch at;
  put_scenes(at);
  auto found = vef::test::vef(at, {"duplicates", "--in", "v.npy", "--json"});
  REQUIRE(found.code == 0);
  auto groups = nlohmann::json::parse(found.out);
  REQUIRE(groups.size() == 2);
  CHECK(groups[0][0]["path"] == "in/copy1.jpg");
  CHECK(groups[0][1]["path"] == "in/scene1.png");
  auto table = vef::test::vef(at, {"duplicates", "--in", "v.npy"});
  CHECK(table.out.starts_with("2 groups of similarity 0.900 or more among 8 pictures\n"));
  check_page(table.out);
  auto none = vef::test::vef(at, {"duplicates", "--in", "v.npy", "--threshold", "1"});
  CHECK(none.code == 0);
  CHECK(none.out.starts_with("no pictures of similarity 1.000 or more"));
  CHECK(nlohmann::json::parse(vef::test::vef(at, {"duplicates", "--in", "v.npy", "-t", "1", "--json"}).out)
            .empty());
}

TEST_CASE("a picture that can't be read is told about when it is searched for") {
  scratch at;
  put_scenes(at);
  auto run = vef::test::vef(at, {"similar", "none.jpg", "--in", "v.npy"});
  CHECK(run.code == 1);
  CHECK(split(run.err).size() == 1);
  CHECK(run.out.empty());
}

TEST_CASE("vectors without a description need a model to be named") {
  scratch at;
  put_scenes(at);
  fs::remove(at / "v.meta.json");
  CHECK(vef::test::vef(at, {"similar", "in/copy4.jpg", "--in", "v.npy"}).code == 2);
  CHECK(vef::test::vef(at, {"similar", "in/copy4.jpg", "--in", "v.npy", "--model", "descriptors-small"}).code
        == 0);
  auto other =
      vef::test::vef(at, {"similar", "in/copy4.jpg", "--in", "v.npy", "--model", "descriptors-large"});
  CHECK(other.code == 2);
  CHECK(other.err.find("has vectors of 394 numbers") != std::string::npos);
}

TEST_CASE("a sheet that can't be written is told about after the table") {
  scratch at;
  put_scenes(at);
  auto run = vef::test::vef(at, {"neighbours", "--in", "v.npy", "--sheet", "none/s.png"});
  CHECK(run.code == 1);
  CHECK(split(run.err).size() == 1);
  CHECK_FALSE(run.out.empty());
}
