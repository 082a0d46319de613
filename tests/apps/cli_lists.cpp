#include "apps/cli_support.hpp"

#include <vef/apps/text.hpp>

#include <algorithm>

using namespace vef::test;

namespace {

void check_page(const std::string& text) {
  for (const auto& line : split(text)) {
    INFO(line);
    CHECK(vef::display_width(line) <= vef::page_width);
  }
}

} // namespace

TEST_CASE("help names every command and fits the page") {
  scratch at;
  auto help = vef::test::vef(at, {"--help"});
  CHECK(help.code == 0);
  CHECK(help.err.empty());
  check_page(help.out);
  for (auto command : {"embed", "similar", "neighbours", "duplicates", "models", "info", "status", "pull",
                       "serve", "nodes", "load", "unload", "create", "certs"}) {
    CHECK(help.out.find(std::string{"\n  "} + command + ' ') != std::string::npos);
    auto more = vef::test::vef(at, {command, "--help"});
    CHECK(more.code == 0);
    CHECK(more.out.find("Usage: vef " + std::string{command}) != std::string::npos);
    CHECK(more.out.ends_with('\n'));
    CHECK(more.out.find(":FLOAT") == std::string::npos);
    check_page(more.out);
  }
  CHECK(help.out.find("Examples:") != std::string::npos);
}

TEST_CASE("the version is told") {
  scratch at;
  CHECK(vef::test::vef(at, {"--version"}).out.starts_with("vef "));
}

TEST_CASE("no command is a bad argument") {
  scratch at;
  auto run = vef::test::vef(at, {});
  CHECK(run.code == 2);
  CHECK(run.err == "vef: no command is given (see 'vef --help')\n");
}

TEST_CASE("models are listed as a table and as JSON") {
  scratch at;
  auto table = vef::test::vef(at, {"models"});
  CHECK(table.code == 0);
  CHECK(table.out.find("descriptors-small *") != std::string::npos);
  check_page(table.out);
  auto models = nlohmann::json::parse(vef::test::vef(at, {"models", "--json"}).out);
  REQUIRE(models.size() >= 2);
  CHECK(models[0]["model"]["id"] == "descriptors-small");
  CHECK(models[0]["model"]["embed_dim"] == 394);
  CHECK(models[0]["model"]["performance_rating"] == "fast");
  CHECK(models[0]["is_default"] == true);
}

TEST_CASE("info tells all about a model as text and as JSON") {
  scratch at;
  auto text = vef::test::vef(at, {"info", "descriptors-large"});
  CHECK(text.code == 0);
  check_page(text.out);
  for (auto word : {"vectors", "1130", "memory", "variants", "center-crop"})
    CHECK(text.out.find(word) != std::string::npos);
  auto x = nlohmann::json::parse(vef::test::vef(at, {"info", "descriptors-large", "--json"}).out);
  CHECK(x["model"]["embed_dim"] == 1130);
  CHECK(x["variants"].size() == 5);
}

TEST_CASE("status shows backends and services and memory and the machine") {
  scratch at;
  auto text = vef::test::vef(at, {"status", "--budget", "1GiB"});
  CHECK(text.code == 0);
  check_page(text.out);
  CHECK(text.out.find("descriptors  running") != std::string::npos);
  CHECK(text.out.find("1.00 GiB") != std::string::npos);
  auto x = nlohmann::json::parse(vef::test::vef(at, {"status", "--json", "--budget", "1GiB"}).out);
  CHECK(x["memory"]["devices"][0]["capacity"] == 1073741824);
  CHECK(x["memory"]["policy"] == "lru");
  CHECK(x["services"][0]["state"] == "running");
  CHECK(x["machine"]["cores"] > 0);
}

TEST_CASE("status tells what earlier runs have taught of the models") {
  scratch at;
  auto photo = std::string{VEF_SOURCE_DIR "/examples/photo.jpg"};
  REQUIRE(vef::test::vef(at, {"embed", photo, "-o", "v.npy"}).code == 0);
  auto text = vef::test::vef(at, {"status"});
  check_page(text.out);
  CHECK(text.out.find("descriptors-small") != std::string::npos);
  auto x = nlohmann::json::parse(vef::test::vef(at, {"status", "--json"}).out);
  REQUIRE(x["memory"]["usage"].size() == 1);
  CHECK(x["memory"]["usage"][0]["who"]["model"] == "descriptors-small");
  CHECK(x["memory"]["usage"][0]["requests"] == 1);
  CHECK(x["memory"]["usage"][0]["loads"] == 1);
}

TEST_CASE("what an earlier run has left unreadable is kept aside and told") {
  scratch at;
  std::filesystem::create_directories(at / ".state/vef");
  for (auto text : {"not JSON", R"({"version": 99, "models": []})"}) {
    std::ofstream{at / ".state/vef/usage.json"} << text;
    auto run = vef::test::vef(at, {"status", "--json"});
    CHECK(run.code == 0);
    INFO(run.err);
    CHECK(run.err.find("starting without what was learned of the models") != std::string::npos);
    CHECK(std::filesystem::exists(at / ".state/vef/usage.json.unreadable"));
  }
}

TEST_CASE("folders of models add their models") {
  auto models = shared_dir() / "data/models";
  VEF_NEEDS(models)
  scratch at;
  if (!has_torch(at)) return report_skipped("needs the torch backend");
  for (const auto& run :
       {vef::test::vef(at, {"models", "--json", "--models", models.string()}),
        vef::test::vef(at, {"models", "--json"}, {.environment = {"VEF_MODELS=" + models.string()}})}) {
    INFO(run.err);
    REQUIRE(run.code == 0);
    auto list = nlohmann::json::parse(run.out);
    CHECK(std::ranges::count_if(list, [](const auto& x) { return x["service"] == "torch"; }) == 3);
  }
}
