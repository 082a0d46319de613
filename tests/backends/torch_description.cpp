#include <vef/backends/torch/catalog.hpp>

#include "support/catch.hpp"
#include "support/skip.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <random>
#include <sstream>

using namespace vef;
namespace fs = std::filesystem;

namespace {

const std::string good_toml = R"(id = "tiny"
name = "A tiny network"
file = "tiny.pt"
input = { size = [224, 192], channels = "bgr", layout = "nhwc" }
resize = { shortest_edge = 256, interpolation = "bilinear", antialias = false }
crop = { center = [224, 192] }
scale = 1
mean = [104, 117.5, 123.0]
std = [1.0, 2, 3.0]
output = { dim = 512, normalize = true, index = 1 }
description = "for tests"
recommended_use = "none"
performance_rating = "fast"
batch_size = 16
memory_estimate = "1.5GiB"
)";

const std::string good_json = R"({
  "id": "tiny", "name": "A tiny network", "file": "tiny.pt",
  "input": {"size": [224, 192], "channels": "bgr", "layout": "nhwc"},
  "resize": {"shortest_edge": 256, "interpolation": "bilinear", "antialias": false},
  "crop": {"center": [224, 192]},
  "scale": 1, "mean": [104, 117.5, 123.0], "std": [1.0, 2, 3.0],
  "output": {"dim": 512, "normalize": true, "index": 1},
  "description": "for tests", "recommended_use": "none", "performance_rating": "fast", "batch_size": 16,
  "memory_estimate": "1.5GiB"
})";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  auto p = text.find(what);
  REQUIRE(p != text.npos);
  return text.replace(p, what.size(), by);
}

/// A folder for one test case.
class folder {
public:
  folder()
      : path_(fs::temp_directory_path() / ("vef-torch-" + std::to_string(std::random_device{}()))) {
    fs::create_directories(path_);
  }
  ~folder() { fs::remove_all(path_); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  fs::path write(const std::string& name, const std::string& content) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream{path_ / name, std::ios::binary} << content;
    return path_ / name;
  }

  const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

result<torch_description> read(const fs::path& file) {
  auto x = read_document(file);
  if (!x) return fail(x.error());
  return to_description(*x, file);
}

/// What is said of a description in which one piece of text was changed.
std::string complaint(const std::string& what, const std::string& by, const std::string& text = good_toml,
                      const std::string& name = "tiny.toml") {
  folder here;
  here.write("tiny.pt", "weights");
  auto x = read(here.write(name, replaced(text, what, by)));
  REQUIRE_FALSE(x);
  CHECK(x.error().code == errc::invalid_config);
  auto said = x.error().what;
  REQUIRE(said.starts_with(here.path().string() + '/'));
  return said.substr(here.path().string().size() + 1);
}

/// A function of its own, since a hundred CHECKs in a row take the compiler minutes under sanitizers.
void refused(const std::string& with, const std::string& what, const std::string& by,
             const std::string& text = good_toml, const std::string& name = "tiny.toml") {
  auto said = complaint(what, by, text, name);
  INFO("expected: " << with);
  INFO("said: " << said);
  CHECK(said.find(with) != said.npos);
}

/// Everything that was logged while it lived.
class log_capture {
public:
  log_capture()
      : before_(spdlog::default_logger()) {
    auto logger =
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_level(spdlog::level::debug);
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(logger);
  }
  ~log_capture() { spdlog::set_default_logger(before_); }
  std::string text() const { return text_.str(); }

private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  UNSCOPED_INFO("expected within: " + text);
  return text.find(part) != text.npos;
}

std::vector<std::string> ids(const std::vector<torch_description>& models) {
  std::vector<std::string> out;
  for (const auto& x : models) out.push_back(x.info.id);
  return out;
}

} // namespace

TEST_CASE("a description says all there is to know of a model") {
  for (auto [name, text] : {std::pair{"tiny.toml", &good_toml}, {"tiny.json", &good_json}}) {
    folder here;
    here.write("tiny.pt", "weights");
    auto x = read(here.write(name, *text));
    if (!x) FAIL(x.error().what);
    const auto& p = x->info.prepare;
    CHECK(x->info.id == "tiny");
    CHECK(x->info.name == "A tiny network");
    CHECK(x->info.description == "for tests");
    CHECK(x->info.recommended_use == "none");
    CHECK(x->info.performance_rating == rating::fast);
    CHECK(x->info.batch_size == 16);
    CHECK(x->info.memory_estimate == 3ull << 29);
    CHECK(x->info.embed_dim == 512);
    CHECK(x->info.normalized);
    CHECK(x->info.preprocess_size == 224);
    CHECK(x->file == here.path() / "tiny.pt");
    CHECK(x->layout == tensor_layout::nhwc);
    CHECK(x->output_index == 1u);
    CHECK(x->output_key.empty());
    CHECK(x->device == "cpu");
    CHECK(x->width == 224);
    CHECK(x->height == 192);
    CHECK(p.resize == resize_rule::shortest_edge);
    CHECK(p.width == 256);
    CHECK(p.height == 256);
    CHECK(p.filter == interpolation::bilinear);
    CHECK_FALSE(p.antialias);
    CHECK(p.crop_width == 224);
    CHECK(p.crop_height == 192);
    CHECK(p.channels == channel_order::bgr);
    CHECK(p.scale == 1.0);
    CHECK(p.mean == std::array{104.0f, 117.5f, 123.0f});
    CHECK(p.std == std::array{1.0f, 2.0f, 3.0f});
  }
}

TEST_CASE("what a description leaves out has the documented value") {
  folder here;
  here.write("tiny.pt", std::string(1000, 'x'));
  auto x = read(here.write("tiny.toml", R"(id = "tiny"
file = "tiny.pt"
input = { size = [64, 32] }
resize = { size = [64, 32], interpolation = "lanczos" }
scale = 0.5
mean = [0, 0, 0]
std = [1, 1, 1]
output = { dim = 3 }
)"));
  if (!x) FAIL(x.error().what);
  CHECK(x->info.name == "tiny");
  CHECK(x->info.prepare.channels == channel_order::rgb);
  CHECK(x->layout == tensor_layout::nchw);
  CHECK(x->info.prepare.antialias);
  CHECK(x->info.prepare.crop_width == 0);
  CHECK(x->info.prepare.resize == resize_rule::exact);
  CHECK(x->info.prepare.width == 64);
  CHECK(x->info.prepare.height == 32);
  CHECK_FALSE(x->info.normalized);
  CHECK_FALSE(x->output_index);
  CHECK(x->info.batch_size == 8);
  CHECK(x->info.performance_rating == rating::balanced);
  CHECK(x->info.working_estimate == 36 * 64 * 32 * 3 * 4);
  CHECK(x->info.memory_estimate == 1000 + 8 * x->info.working_estimate);
  CHECK(x->info.tiers == std::vector<tier_need>{{tier::host, "host", 1000}});
}

TEST_CASE("an unknown key is refused at its place with the nearest known one") {
  CHECK(complaint("scale = 1\n", "scales = 1\n")
        == "tiny.toml:7:1: unknown key 'scales'; did you mean 'scale'?");
  CHECK(complaint("normalize", "normalise")
        == "tiny.toml:10:23: unknown key 'output.normalise'; did you mean 'output.normalize'?");
  refused("tiny.json: unknown key 'scales'; did you mean", "\"scale\"", "\"scales\"", good_json, "tiny.json");
}

TEST_CASE("a missing key is refused and named") {
  refused("the key 'id' is missing", "id = \"tiny\"\n", "");
  refused("the key 'file' is missing", "file = \"tiny.pt\"\n", "");
  refused("the key 'scale' is missing", "scale = 1\n", "");
  refused("the key 'mean' is missing", "mean = [104, 117.5, 123.0]\n", "");
  refused("the key 'std' is missing", "std = [1.0, 2, 3.0]\n", "");
  refused("tiny.toml:10:10: the key 'output.dim' is missing", "dim = 512, ", "");
  refused("the key 'input.size' is missing", "size = [224, 192], ", "");
  refused("the key 'resize.interpolation' is missing", "interpolation = \"bilinear\", ", "");
  refused("tiny.toml:10:10: 'output' must be a table, not a whole number",
          "{ dim = 512, normalize = true, index = 1 }", "512");
  CHECK(has(
      complaint("resize = { shortest_edge = 256, interpolation = \"bilinear\", antialias = false }\n", ""),
      "the key 'resize' is missing"));
}

TEST_CASE("a value of the wrong type or size is refused at its place") {
  refused("tiny.toml:1:6: 'id' must be the word by which requests call the model, not 7", "id = \"tiny\"",
          "id = 7");
  refused("tiny.toml:1:6: 'id' must be", "id = \"tiny\"", "id = \"\"");
  refused("tiny.toml:10:18: 'output.dim' must be a whole number from 1 to 1048576", "dim = 512",
          "dim = \"512\"");
  refused("not 0", "dim = 512", "dim = 0");
  refused("not -1", "dim = 512", "dim = -1");
  refused("not 9223372036854775807", "dim = 512", "dim = 9223372036854775807");
  CHECK(
      has(complaint("normalize = true", "normalize = 1"), "'output.normalize' must be true or false, not 1"));
  refused("'input.size' must be [width, height]", "[224, 192], ch", "[224], ch");
  refused("'input.size' must be [width, height]", "[224, 192], ch", "[224, 0], ch");
  refused("'input.size' must be [width, height]", "[224, 192], ch", "[224, 16385], ch");
  refused("tiny.toml:8:8: 'mean' must be a list of three numbers", "[104, 117.5, 123.0]", "[104, 117.5]");
  CHECK(
      has(complaint("[104, 117.5, 123.0]", "[104, 117.5, \"x\"]"), "'mean' must be a list of three numbers"));
  refused("'mean' must be a list of three numbers", "[104, 117.5, 123.0]", "[104, 117.5, nan]");
  refused("std must be finite numbers other than 0", "std = [1.0, 2, 3.0]", "std = [1.0, 0, 3.0]");
  refused("scale must be a number other than 0", "scale = 1\n", "scale = 0\n");
  refused("scale must be a number other than 0", "scale = 1\n", "scale = inf\n");
  refused("'scale' must be a number, not neither", "scale = 1\n", "scale = 2026-01-01\n");
  refused("'input.channels': unknown word 'rgba'; did you mean 'rgb'?, one of 'rgb', 'bgr'", "\"bgr\"",
          "\"rgba\"");
  refused("did you mean 'bilinear'?", "\"bilinear\"", "\"billinear\"");
  refused("'performance_rating': unknown word 'slow'", "\"fast\"", "\"slow\"");
  refused("'batch_size' must be a whole number from 1 to 4096, not 0", "batch_size = 16", "batch_size = 0");
  refused("'memory_estimate' must be bytes", "\"1.5GiB\"", "\"1.5 gigs\"");
  refused("'memory_estimate' must be bytes", "\"1.5GiB\"", "-5");
  refused("'device' must be 'cpu', 'cuda', 'cuda:N', 'emulated' or 'emulated:N'", "batch_size = 16",
          "device = \"gpu\"");
  refused("'device' must be", "batch_size = 16", "device = \"emulated:\"");
  refused("'device' must be", "batch_size = 16", "device = \"cuda:1x\"");
  refused("tiny.json: 'output.dim' must be a whole number", "\"dim\": 512", "\"dim\": 5.5", good_json,
          "tiny.json");
  refused("tiny.json: 'output.dim' must be", "\"dim\": 512", "\"dim\": null", good_json, "tiny.json");
}

TEST_CASE("a description that contradicts itself is refused") {
  refused("resize and crop give pictures of 224x224, but 'input.size' is 224x192", "center = [224, 192]",
          "center = [224, 224]");
  refused("add 'crop.center' to make them 224x192", "crop = { center = [224, 192] }\n", "");
  refused("exactly one of", "shortest_edge = 256", "shortest_edge = 256, longest_edge = 300");
  refused("exactly one of", "shortest_edge = 256, ", "");
  refused("only one of 'output.index' and 'output.key'", "index = 1", "index = 1, key = \"x\"");
  refused("tiny.toml:10:49: 'output.layer' is for networks whose layers have names", "index = 1",
          "layer = \"pool\"");
  refused("gone.pt' does not exist", "tiny.pt", "gone.pt");
  refused("tiny.toml:3:8: this describes 'tiny.onnx', which is not for the torch backend", "tiny.pt",
          "tiny.onnx");
}

TEST_CASE("a syntax error is refused with its line and column") {
  refused("tiny.toml:8:", "mean = [104, 117.5, 123.0]", "mean = [104,, 1]");
  refused("tiny.toml:8:", "scale = 1\n", "scale = 1\nscale = 2\n");
  refused("tiny.json:6:11: ", "\"scale\": 1,", "\"scale\" 1,", good_json, "tiny.json");
  refused("tiny.json:1:1: ", good_json, "", good_json, "tiny.json");
  refused("tiny.json: holds a list instead of a table", good_json, "[1, 2]", good_json, "tiny.json");
  refused("tiny.toml:2:", "A tiny", "A \xff tiny");
}

TEST_CASE("a hostile file is refused in bounded time and stack") {
  refused("nested deeper than 16 levels", good_json,
          "{\"id\": " + std::string(100'000, '[') + std::string(100'000, ']') + "}", good_json, "tiny.json");
  refused("nested deeper than 16 levels", good_toml, "id = " + std::string(200, '[') + std::string(200, ']'));
  refused("over 1 MiB", good_toml, std::string((1 << 20) + 1, '\n'));
  folder here;
  auto x = read(here.path());
  REQUIRE_FALSE(x);
  CHECK(x.error().code == errc::invalid_config);
}

TEST_CASE("memory estimates are read with their units") {
  folder here;
  here.write("tiny.pt", "weights");
  for (auto [text, bytes] : {std::pair{"\"300 MB\"", 300'000'000ull},
                             {"12345", 12345ull},
                             {"\"1KiB\"", 1024ull},
                             {"\"2.5 GB\"", 2'500'000'000ull},
                             {"\"7\"", 7ull}}) {
    auto x = read(here.write("tiny.toml", replaced(good_toml, "\"1.5GiB\"", text)));
    if (!x) FAIL(x.error().what);
    CHECK(x->info.memory_estimate == bytes);
  }
}

TEST_CASE("a model for an accelerator has a ladder from the memory of the host to that of the device") {
  folder here;
  here.write("tiny.pt", "weights");
  auto file = here.write("tiny.toml", good_toml);
  for (auto [device, memory] : {std::pair{"cuda", "cuda:0"},
                                {"cuda:3", "cuda:3"},
                                {"emulated", "emulated:0"},
                                {"emulated:1", "emulated:1"}}) {
    auto all = read_torch_catalog(file.string(), device);
    if (!all) FAIL(all.error().what);
    REQUIRE(all->size() == 1);
    CHECK(all->front().device == device);
    CHECK(all->front().info.tiers
          == std::vector<tier_need>{{tier::host, "host", 7, false}, {tier::device, memory, 7}});
  }
  here.write("tiny.toml", good_toml + "device = \"cpu\"\n");
  auto all = read_torch_catalog(file.string(), "cuda");
  if (!all) FAIL(all.error().what);
  CHECK(all->front().device == "cpu");
  CHECK(all->front().info.tiers == std::vector<tier_need>{{tier::host, "host", 7}});
}

TEST_CASE("a package for an accelerator is in the memory of the device and nowhere else") {
  folder here;
  here.write("tiny.pt2", "weights");
  auto all = read_torch_catalog(here.write("tiny.toml", replaced(good_toml, "tiny.pt", "tiny.pt2")).string(),
                                "cuda");
  if (!all) FAIL(all.error().what);
  CHECK(all->front().info.tiers == std::vector<tier_need>{{tier::device, "cuda:0", 7}});
}

TEST_CASE("what an estimate names beyond the weights is working memory") {
  folder here;
  here.write("tiny.pt", std::string(1000, 'x'));
  auto x = read(here.write("tiny.toml", replaced(good_toml, "\"1.5GiB\"", "17000")));
  if (!x) FAIL(x.error().what);
  CHECK(x->info.memory_estimate == 17000);
  CHECK(x->info.working_estimate == 1000);
  CHECK(x->info.tiers == std::vector<tier_need>{{tier::host, "host", 1000}});
  x = read(here.write("tiny.toml", replaced(good_toml, "\"1.5GiB\"", "600")));
  if (!x) FAIL(x.error().what);
  CHECK(x->info.working_estimate == 0);
  CHECK(x->info.tiers == std::vector<tier_need>{{tier::host, "host", 600}});
}

TEST_CASE("nothing named is an empty catalog") {
  auto none = read_torch_catalog("");
  REQUIRE(none);
  CHECK(none->empty());
  none = read_torch_catalog("::");
  REQUIRE(none);
  CHECK(none->empty());
}

TEST_CASE("a folder offers the torch models in it and one level down in the order of their names") {
  log_capture log;
  folder here;
  here.write("b/tiny.pt", "weights");
  here.write("b/tiny.pt.toml", replaced(good_toml, "\"tiny\"", "\"second\""));
  here.write("a.pt2", "weights");
  here.write("a.json", replaced(replaced(good_json, "\"tiny\"", "\"first\""), "tiny.pt", "a.pt2"));
  here.write("c/d/tiny.pt", "weights");
  here.write("c/d/tiny.toml", replaced(good_toml, "\"tiny\"", "\"too deep\""));
  here.write("b/other.onnx.toml", replaced(good_toml, "tiny.pt", "other.onnx") + "graph = \"x\"\n");
  here.write("b/config.json", R"({"hidden_size": 5})");
  auto all = read_torch_catalog(here.path().string());
  if (!all) FAIL(all.error().what);
  CHECK(ids(*all) == std::vector<std::string>{"first", "second"});
  CHECK(log.text().find("warn") == std::string::npos);
}

TEST_CASE("a bad description in a folder is logged and the others still load") {
  log_capture log;
  folder here;
  here.write("tiny.pt", "weights");
  here.write("good.toml", good_toml);
  here.write("bad.toml", replaced(good_toml, "dim = 512", "dim = 0"));
  here.write("broken.toml", "id = ");
  here.write("keyless.pt.toml", "id = \"x\"\n");
  auto all = read_torch_catalog(here.path().string());
  if (!all) FAIL(all.error().what);
  CHECK(ids(*all) == std::vector<std::string>{"tiny"});
  CHECK(has(log.text(), "bad.toml:10:18: 'output.dim' must be"));
  CHECK(has(log.text(), "broken.toml:1:"));
  CHECK(has(log.text(), "keyless.pt.toml:1:1: the key 'file' is missing"));
}

TEST_CASE("a bad description that was named is an error") {
  folder here;
  here.write("tiny.pt", "weights");
  auto bad = here.write("bad.toml", replaced(good_toml, "dim = 512", "dim = 0"));
  auto all = read_torch_catalog(bad.string());
  REQUIRE_FALSE(all);
  CHECK(has(all.error().what, "bad.toml:10:18"));
  auto onnx = here.write("net.onnx.toml", replaced(good_toml, "tiny.pt", "net.onnx") + "graph = \"x\"\n");
  all = read_torch_catalog(onnx.string());
  REQUIRE_FALSE(all);
  CHECK(has(all.error().what, "which is not for the torch backend"));
}

TEST_CASE("two files that claim one id are an error that names both") {
  folder here;
  here.write("tiny.pt", "weights");
  auto a = here.write("a.toml", good_toml), b = here.write("b.toml", good_toml);
  auto all = read_torch_catalog(here.path().string());
  REQUIRE_FALSE(all);
  CHECK(all.error().code == errc::invalid_config);
  CHECK(has(all.error().what, "two models have the id 'tiny'"));
  CHECK(has(all.error().what, a.string()));
  CHECK(has(all.error().what, b.string()));
}

TEST_CASE("a description that is reached twice counts once") {
  folder here;
  here.write("tiny.pt", "weights");
  auto file = here.write("tiny.pt.toml", good_toml);
  auto all = read_torch_catalog(here.path().string() + ":" + file.string() + ":" + here.path().string()
                                + "/./tiny.pt");
  if (!all) FAIL(all.error().what);
  CHECK(all->size() == 1);
}

TEST_CASE("a model file is found by its name where its description lies beside it") {
  for (std::string name : {"tiny.pt.toml", "tiny.pt.json", "tiny.toml", "tiny.json"}) {
    folder here;
    auto model = here.write("tiny.pt", "weights");
    here.write(name, name.ends_with("json") ? good_json : good_toml);
    auto all = read_torch_catalog(model.string());
    if (!all) FAIL(all.error().what);
    CHECK(ids(*all) == std::vector<std::string>{"tiny"});
  }
  folder here;
  auto lone = here.write("lone.pt", "weights");
  auto all = read_torch_catalog(lone.string());
  REQUIRE_FALSE(all);
  CHECK(has(all.error().what, "expected 'lone.pt.toml' beside it"));
  here.write("tiny.pt", "weights");
  here.write("lone.toml", good_toml);
  all = read_torch_catalog(lone.string());
  REQUIRE_FALSE(all);
  CHECK(has(all.error().what, "describes"));
}

TEST_CASE("a path that does not exist is an error that names it") {
  auto all = read_torch_catalog("/nowhere/at/all.toml");
  REQUIRE_FALSE(all);
  CHECK(all.error().code == errc::invalid_config);
  CHECK(has(all.error().what, "'/nowhere/at/all.toml'"));
  folder here;
  all = read_torch_catalog(here.write("notes.txt", "x").string());
  REQUIRE_FALSE(all);
  CHECK(has(all.error().what, "neither a folder nor"));
}

TEST_CASE("the real descriptions are read and those of other backends passed over") {
  auto models = test::shared_dir() / "data/models";
  VEF_NEEDS(models);
  log_capture log;
  auto all = read_torch_catalog(models.string());
  if (!all) FAIL(all.error().what);
  CHECK(ids(*all)
        == std::vector<std::string>{"mobilenet-v1-025-pt", "mobilenet-v2-torch", "squeezenet1-0-pt"});
  CHECK(log.text().find("warn") == std::string::npos);
}
