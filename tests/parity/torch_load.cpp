#include "torch_models.hpp"

#include <dlfcn.h>
#include <sys/resource.h>

using namespace vef;
using namespace vef::test;

namespace {

/// The error of loading the first model of a description.
error load_error(const std::filesystem::path& description) {
  auto made = torch_with(description);
  auto model = made->load(made->catalog().at(0), {2});
  REQUIRE_FALSE(model);
  return model.error();
}

bool has(const std::string& text, const std::string& part) {
  UNSCOPED_INFO("expected within: " + text);
  return text.find(part) != text.npos;
}

const auto small_file = [] { return smallest_model().folder_path() / "mobilenet_v1_025_224.pt"; };

} // namespace

TEST_CASE("a service without models has an empty catalog and needs no LibTorch") {
  backend_types types;
  add_torch_backend(types);
  auto made = types.make("torch", {});
  REQUIRE(made);
  CHECK((*made)->catalog().empty());
  CHECK((*made)->check());
  auto model = (*made)->load(model_info{.id = "x", .name = "x"}, {});
  REQUIRE_FALSE(model);
  CHECK(model.error().code == errc::unknown_model);
}

TEST_CASE("an unknown setting and an unknown device are refused") {
  backend_types types;
  add_torch_backend(types);
  auto made = types.make("torch", {{"model", "x"}});
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::invalid_config);
  CHECK(has(made.error().what, "did you mean 'models'?"));
  made = types.make("torch", {{"device", "tpu"}});
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::invalid_config);
  made = types.make("torch", {{"device", "cuda"}, {"device_memory", "1GiB"}});
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::invalid_config);
  CHECK(has(made.error().what, "'device_memory' is for emulated devices"));
  made = types.make("torch", {{"device", "emulated"}, {"device_memory", "much"}});
  REQUIRE_FALSE(made);
  CHECK(has(made.error().what, "'device_memory' must be"));
}

TEST_CASE("a module that is missing or foreign is a clear error") {
  auto missing = open_torch_library({"/nowhere/libvef_torch.so"});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == errc::load_failed);
  CHECK(has(missing.error().what, "looked for '/nowhere/libvef_torch.so'"));
  model_folder here;
  auto broken = open_torch_library({here.write("libvef_torch.so", "no library")});
  REQUIRE_FALSE(broken);
  CHECK(has(broken.error().what, "cannot open LibTorch"));
}

TEST_CASE("a wrong output dim is found by the load") {
  VEF_NEEDS(small_file());
  model_folder here;
  auto e = load_error(here.describe(small_file().string(), "{ dim = 255 }"));
  CHECK(e.code == errc::invalid_config);
  CHECK(has(e.what, "the network gives [1, 256] float for 1 pictures, where output.dim = 255"));
}

TEST_CASE("an output that the network does not have is found by the load") {
  VEF_NEEDS(small_file());
  model_folder here;
  auto e = load_error(here.describe(small_file().string(), "{ dim = 256, index = 1 }"));
  CHECK(e.code == errc::invalid_config);
  CHECK(has(e.what, "a single tensor, so output.index must be 0 or left out"));
  e = load_error(here.describe(small_file().string(), "{ dim = 256, key = \"pooled\" }"));
  CHECK(e.code == errc::invalid_config);
  CHECK(has(e.what, "output.key cannot choose"));
}

TEST_CASE("a truncated file is a clear error at any length") {
  VEF_NEEDS(small_file());
  auto whole = content_of(small_file());
  for (auto part : {0.0, 0.1, 0.5, 0.9, 0.9999}) {
    model_folder here;
    here.write("cut.pt", whole.substr(0, static_cast<std::size_t>(part * static_cast<double>(whole.size()))));
    auto e = load_error(here.describe("cut.pt", "{ dim = 256 }"));
    CHECK(e.code == errc::load_failed);
    CHECK(has(e.what, "cannot load 'x' from '"));
    CHECK(e.what.find('\n') == std::string::npos);
    CHECK(e.what.find("Exception raised from") == std::string::npos);
  }
}

TEST_CASE("a text under the name of a model is a clear error") {
  for (std::string name : {"text.pt", "text.pt2"}) {
    model_folder here;
    here.write(name, "these are no weights, but a few words\n");
    auto e = load_error(here.describe(name, "{ dim = 256 }"));
    CHECK(e.code == errc::load_failed);
    CHECK(e.what.find('\n') == std::string::npos);
    CHECK(has(e.what, "cannot load 'x' from '"));
  }
}

TEST_CASE("a model file that vanished after the start is a clear error") {
  model_folder here;
  auto file = here.write("gone.pt", "x");
  auto made = torch_with(here.describe("gone.pt", "{ dim = 256 }"));
  std::filesystem::remove(file);
  auto model = made->load(made->catalog().at(0), {2});
  REQUIRE_FALSE(model);
  CHECK(model.error().code == errc::load_failed);
  CHECK(has(model.error().what, "no such file"));
}

TEST_CASE("without a driver the device cuda is refused with what to install") {
  VEF_NEEDS(small_file());
  if (dlopen("libcuda.so.1", RTLD_LAZY)) {
    report_skipped("this machine has a CUDA driver");
    return;
  }
  auto made = torch_with(smallest_model().folder_path(), "cuda");
  auto model = made->load(made->catalog().at(0), {2});
  REQUIRE_FALSE(model);
  CHECK(model.error().code == errc::load_failed);
  CHECK(has(model.error().what, "./dev deps --cuda"));
}

TEST_CASE("a batch that memory has no room for is an out of memory error and the next batch works") {
  VEF_NEEDS(small_file());
  auto made = torch_with(smallest_model().folder_path());
  auto model = load_first(*made, 1);
  auto pictures = noise(64, 224);
  rows got{64, 256};
  REQUIRE(model->embed(std::span{pictures}.first(1), got.spans().first(1), {1}));

  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_AS, &old) == 0);
  rlimit tight{process_memory(0) + (24u << 20), old.rlim_max};
  REQUIRE(setrlimit(RLIMIT_AS, &tight) == 0);
  auto refused = model->embed(pictures, got.spans(), {1});
  REQUIRE(setrlimit(RLIMIT_AS, &old) == 0);

  REQUIRE_FALSE(refused);
  INFO(refused.error().what);
  CHECK(refused.error().code == errc::out_of_memory);
  CHECK(model->embed(pictures, got.spans(), {1}));
}
