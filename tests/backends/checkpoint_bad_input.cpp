// Every recorded checkpoint, broken in every way that came to mind: each time a typed error that names what
// is wrong, and never more memory than the files are large.
#include "checkpoint_support.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> largest_piece = 0;

void* counted(std::size_t size) {
  for (auto before = largest_piece.load();
       size > before && !largest_piece.compare_exchange_weak(before, size);) {
  }
  if (auto memory = std::malloc(size ? size : 1)) return memory;
  throw std::bad_alloc{};
}

} // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size ? size : 1); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size ? size : 1); }
void operator delete(void* x) noexcept { std::free(x); }
void operator delete[](void* x) noexcept { std::free(x); }
void operator delete(void* x, std::size_t) noexcept { std::free(x); }
void operator delete[](void* x, std::size_t) noexcept { std::free(x); }

using namespace vef;
using namespace vef::test;
using json = nlohmann::json;

namespace {

/// Tensors of the part that pictures go through; others are never looked at.
std::vector<std::string> used_tensors(const std::string& name) {
  auto x = open_checkpoint({name, golden_dir() / name, {}}, builtin_families(), {});
  REQUIRE(x);
  std::vector<std::string> out;
  for (const auto& weight : x->plan.weights) out.push_back(weight.name);
  return out;
}

void for_each_golden(const std::function<void(const std::string&)>& check) {
  for (const auto& name : golden_checkpoints()) {
    INFO(name);
    check(name);
  }
}

bool is_expected_kind(const error& x) {
  return x.code == errc::invalid_config || x.code == errc::corrupt_model || x.code == errc::unsupported_model
         || x.code == errc::invalid_argument;
}

/// Opens what may or may not be good: it is a checkpoint or a typed error of one line.
void survives(const copied_checkpoint& x) {
  std::uint64_t size = 1 << 20;
  for (const auto& file : std::filesystem::directory_iterator{x.path()}) size += file.file_size();
  largest_piece = 0;
  auto opened = x.open();
  CHECK(largest_piece < size);
  if (opened) return;
  INFO(opened.error().what);
  CHECK(is_expected_kind(opened.error()));
  CHECK(opened.error().what.find('\n') == std::string::npos);
}

/// Runs `check` on the config with each of its values, those inside its tables too, changed.
void with_each_value(const json& config, const std::function<void(json&)>& change,
                     const std::function<void(const json&)>& check) {
  for (const auto& [key, value] : config.items()) {
    if (value.is_object()) {
      with_each_value(value, change, [&](const json& inner) {
        auto x = config;
        x[key] = inner;
        check(x);
      });
      continue;
    }
    auto x = config;
    change(x[key]);
    check(x);
  }
}

} // namespace

TEST_CASE("a checkpoint without any key of its config is opened or refused by name") {
  VEF_NEEDS(golden_dir() / "clip");
  for_each_golden([](const std::string& name) {
    copied_checkpoint x{name};
    auto whole = x.config();
    for (const auto& [key, value] : whole.items()) {
      auto less = whole;
      less.erase(key);
      x.set_config(less);
      INFO(key);
      survives(x);
      if (key == "model_type") CHECK(says(x.open(), "model_type"));
    }
  });
}

TEST_CASE("values of the wrong type or an absurd size in a config are refused or of no matter") {
  VEF_NEEDS(golden_dir() / "clip");
  const std::vector<json> values{"text", true,    1.5,  json::array(),         json::object(), -1,
                                 0,      1 << 30, 9e18, json::array({1, "x"}), 1e300,          "\x01"};
  for_each_golden([&](const std::string& name) {
    copied_checkpoint x{name};
    for (auto file : {"config.json", "preprocessor_config.json"}) {
      auto whole = x.config(file);
      for (const auto& value : values) {
        INFO(file << " " << value.dump());
        with_each_value(
            whole, [&](json& y) { y = value; },
            [&](const json& y) {
              x.set_config(y, file);
              survives(x);
            });
      }
      x.set_config(whole, file);
    }
    CHECK(x.open());
  });
}

TEST_CASE("a key of the wrong type is named with its file") {
  VEF_NEEDS(golden_dir() / "vit");
  copied_checkpoint x{"vit"};
  auto config = x.config();
  config["hidden_size"] = "wide";
  x.set_config(config);
  CHECK(says(x.open(), "'hidden_size' must be a whole number"));
  CHECK(says(x.open(), "config.json"));
  config["hidden_size"] = 1 << 30;
  x.set_config(config);
  CHECK(says(x.open(), "not 1073741824"));
}

TEST_CASE("a tensor that is missing or goes by another name is named") {
  VEF_NEEDS(golden_dir() / "clip");
  for_each_golden([](const std::string& name) {
    auto used = used_tensors(name);
    for (std::size_t i = 0; i < used.size(); i += 7) {
      copied_checkpoint x{name};
      bool there = false;
      x.change_header([&](json& header) {
        there = header.contains(used[i]);
        if (!there) return; // it is in another shard
        header[used[i] + "_"] = header[used[i]];
        header.erase(used[i]);
      });
      auto opened = x.open();
      INFO(used[i]);
      if (!there) continue;
      REQUIRE_FALSE(opened);
      INFO(opened.error().what);
      CHECK(opened.error().code == errc::corrupt_model);
      // Without the tensor that tells the prefix all others are missed too, and only some of them are listed.
      CHECK((opened.error().what.find(used[i]) != std::string::npos
             || opened.error().what.find("missing: ") != std::string::npos));
    }
  });
}

TEST_CASE("a tensor of another shape or type is named with both") {
  VEF_NEEDS(golden_dir() / "clip");
  for_each_golden([](const std::string& name) {
    auto used = used_tensors(name);
    for (std::size_t i = 0; i < used.size(); i += 11) {
      copied_checkpoint x{name};
      bool there = false;
      x.change_header([&](json& header) {
        there = header.contains(used[i]);
        if (!there) return;
        auto& shape = header[used[i]]["shape"];
        shape.push_back(1);
      });
      if (!there) continue;
      auto opened = x.open();
      INFO(used[i]);
      // The size of a projection and whether there is one are read from the tensors themselves.
      if (opened) {
        CHECK(used[i].find("visual_projection") != std::string::npos);
        continue;
      }
      INFO(opened.error().what);
      CHECK(opened.error().code == errc::corrupt_model);
      CHECK(opened.error().what.find(used[i]) != std::string::npos);
    }
    copied_checkpoint x{name};
    std::string changed;
    x.change_header([&](json& header) {
      for (const auto& one : used) {
        if (!header.contains(one) || header[one]["dtype"] != "F32") continue;
        header[one]["dtype"] = "I32";
        changed = one;
        return;
      }
    });
    if (changed.empty()) return; // in half precision
    auto opened = x.open();
    CHECK(says(opened, changed));
    CHECK(says(opened, "int32"));
  });
}

TEST_CASE("weights that end early are named") {
  VEF_NEEDS(golden_dir() / "clip");
  for_each_golden([](const std::string& name) {
    copied_checkpoint x{name};
    auto whole = content_of(x.weights());
    for (auto share : {0.0, 0.001, 0.3, 0.999}) {
      write(x.weights(),
            whole.substr(0, static_cast<std::size_t>(static_cast<double>(whole.size()) * share)));
      auto opened = x.open();
      REQUIRE_FALSE(opened);
      CHECK(opened.error().code == errc::corrupt_model);
      CHECK(says(opened, x.weights().filename().string()));
    }
  });
}

TEST_CASE("a link that leads to itself is an error in a sentence") {
  VEF_NEEDS(golden_dir() / "vit");
  for (auto file : {"config.json", "preprocessor_config.json", "model.safetensors"}) {
    copied_checkpoint x{"vit"};
    std::filesystem::remove(x.path() / file);
    std::filesystem::create_symlink(file, x.path() / file);
    auto opened = x.open();
    INFO(file);
    REQUIRE_FALSE(opened);
    INFO(opened.error().what);
    CHECK(says(opened, file));
  }
}

TEST_CASE("a preparation to another size than the config's is refused where positions are learnt") {
  VEF_NEEDS(golden_dir() / "clip");
  copied_checkpoint x{"vit"};
  auto processor = x.config("preprocessor_config.json");
  processor["size"] = {{"height", 64}, {"width", 64}};
  x.set_config(processor, "preprocessor_config.json");
  CHECK(says(x.open(), "prepared to 64 x 64, but 'image_size' is 32 x 32"));

  checkpoint_options asked;
  asked.size = {64, 64};
  CHECK(x.open(asked)); // by name it is meant

  copied_checkpoint convolutions{"convnext"};
  processor = convolutions.config("preprocessor_config.json");
  processor["size"] = {{"shortest_edge", 400}};
  convolutions.set_config(processor, "preprocessor_config.json");
  CHECK(convolutions.open());
}

TEST_CASE("an architecture that nobody knows is refused with those that are known") {
  VEF_NEEDS(golden_dir() / "vit");
  copied_checkpoint x{"vit"};
  auto config = x.config();
  config["model_type"] = "vits";
  x.set_config(config);
  auto opened = x.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::unsupported_model);
  CHECK(says(opened, "did you mean 'vit'"));
  CHECK(says(opened, "mobilenet_v2"));
}

TEST_CASE("a million layers are refused before anything is made of them") {
  VEF_NEEDS(golden_dir() / "vit");
  copied_checkpoint x{"vit"};
  auto config = x.config();
  config["num_hidden_layers"] = 1'000'000;
  x.set_config(config);
  CHECK(says(x.open(), "'num_hidden_layers' must be a whole number from 1 to 1000"));
  config["num_hidden_layers"] = 1000; // far more than there are
  x.set_config(config);
  auto opened = x.open();
  REQUIRE_FALSE(opened);
  CHECK(opened.error().what.size() < 2000);
  CHECK(says(opened, "more"));
}
