// What is made of a checkpoint before an engine sees it: its plan, outputs, positions and estimates.
#include "checkpoint_support.hpp"

#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/plan_memory.hpp>
#include <vef/backends/transformers/positions.hpp>
#include <vef/backends/transformers/precision_book.hpp>
#include <vef/backends/transformers/test_pictures.hpp>

#include <cmath>

using namespace vef;
using namespace vef::test;

namespace {

weight_view view(std::vector<std::int64_t> shape, dtype type = dtype::f32) {
  return {.type = type, .shape = std::move(shape)};
}

// A network of one linear layer over the mean of 8 x 8 patches.
void build_tiny(config_reader& config, network_builder& b) {
  auto width = config.width("width", 4);
  auto tokens = b.as_tokens(add_patches(b, b.picture(), "patches", width, {8, 8}, true));
  auto mean = b.add(plan::pool{tokens, {}});
  b.output("out", b.linear(mean, "head", 6), true);
  b.output("mean_patch", mean);
}

network_builder::tensors tiny_tensors() {
  return {{"patches.weight", view({4, 3, 8, 8})},
          {"patches.bias", view({4})},
          {"head.weight", view({6, 4})},
          {"head.bias", view({6})}};
}

result<network_builder::finished> finish_tiny(const network_builder::tensors& tensors,
                                              const std::string& output = {}) {
  document config{.value = document::table{}};
  config_reader reader{config};
  network_builder b{tensors, {.height = 16, .width = 24, .output = output}};
  build_tiny(reader, b);
  return b.finish();
}

} // namespace

TEST_CASE("a plan has the steps that lead to its output and no others") {
  auto whole = finish_tiny(tiny_tensors());
  REQUIRE(whole);
  CHECK(whole->dim == 6);
  CHECK(whole->normalized);
  CHECK(whole->plan.steps.size() == 4);
  auto part = finish_tiny(tiny_tensors(), "mean");
  REQUIRE(part);
  CHECK(part->output == "mean_patch");
  CHECK(part->dim == 4);
  CHECK_FALSE(part->normalized);
  CHECK(part->plan.steps.size() == 3);
  CHECK(part->outputs == std::vector<std::string>{"out", "mean_patch"});
}

TEST_CASE("an output that is none is refused with those that there are") {
  auto x = finish_tiny(tiny_tensors(), "outt");
  REQUIRE_FALSE(x);
  CHECK(x.error().code == errc::invalid_argument);
  CHECK(x.error().what == "unknown output 'outt'; did you mean 'out'? (it gives out, mean_patch)");
}

TEST_CASE("tensors that are missing, different or left over are all told at once") {
  auto tensors = tiny_tensors();
  tensors.erase("head.bias");
  tensors["head.weight"] = view({6, 5});
  tensors["patches.bias"] = view({4}, dtype::i64);
  tensors["stranger"] = view({1});
  auto x = finish_tiny(tensors);
  REQUIRE_FALSE(x);
  CHECK(x.error().code == errc::corrupt_model);
  CHECK(x.error().what
        == "the tensors do not fit the config: missing: 'head.bias' [6]; of another shape or type: "
           "'patches.bias' is "
           "of type int64, expected float32, float16 or bfloat16, 'head.weight' is [6, 5], expected [6, 4]; "
           "unexpected: 'stranger'");
}

TEST_CASE("a family from outside is used like the others, and takes no name that is taken") {
  auto families = builtin_families();
  REQUIRE(families.add({.name = "Tiny", .model_types = {"tiny"}, .build = build_tiny}));
  REQUIRE(families.find("tiny"));
  CHECK((*families.find("tiny"))->name == "Tiny");
  auto again = families.add({.name = "Mine", .model_types = {"vit"}, .build = build_tiny});
  REQUIRE_FALSE(again);
  CHECK(again.error().code == errc::duplicate_name);
  CHECK_FALSE(families.add({.name = "Nothing"}));
  CHECK(builtin_families().find("clip"));
  CHECK_FALSE(builtin_families().find("tiny"));
}

TEST_CASE("positions of the native grid are used where they lie, others are computed") {
  network_builder::tensors tensors{{"positions", view({1, 17, 8})}};
  position_table table{.name = "positions", .stored = {1, 17, 8}, .front = 1, .patch = 8, .native = {32, 32}};
  network_builder same{tensors, {.height = 32, .width = 32}};
  auto x = take_positions(same, table);
  CHECK(x.front);
  same.output("out", same.picture());
  auto made = same.finish();
  REQUIRE(made);
  CHECK_FALSE(made->plan.weights[x.patches.index].derive);
  CHECK(made->plan.weights[x.patches.index].first == 8);

  network_builder other{tensors, {.height = 16, .width = 64, .interpolate = true}};
  x = take_positions(other, table);
  other.output("out", other.picture());
  made = other.finish();
  REQUIRE(made);
  const auto& derived = made->plan.weights[x.patches.index];
  REQUIRE(derived.derive);
  CHECK(derived.shape == plan::shape{16, 8});
  CHECK(derived.derive(std::vector<float>(17 * 8, 2.5f)) == std::vector<float>(16 * 8, 2.5f));

  network_builder unasked{tensors, {.height = 16, .width = 64}};
  take_positions(unasked, table);
  CHECK(unasked.failed());
}

TEST_CASE("resized positions are torch's") {
  // torch.nn.functional.interpolate(torch.arange(9.).view(1, 1, 3, 3), (2, 4), mode='bicubic', antialias=...)
  std::vector<float> grid{0, 1, 2, 3, 4, 5, 6, 7, 8};
  auto check = [&](position_filter filter, const std::vector<float>& expected) {
    auto got = resize_positions(grid.data(), {3, 3}, {2, 4}, 1, filter);
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(got[i] == Approx(expected[i]).margin(2e-6));
  };
  check(position_filter::bicubic, {0.50244140625f, 1.10400390625f, 2.04443359375f, 2.64599609375f,
                                   5.35400390625f, 5.95556640625f, 6.89599609375f, 7.49755859375f});
  check(position_filter::antialiased_bicubic,
        {0.8771348f, 1.4859686f, 2.3727787f, 2.9816124f, 5.0183873f, 5.6272211f, 6.5140309f, 7.1228648f});
  auto same = resize_positions(grid.data(), {3, 3}, {3, 3}, 1, position_filter::antialiased_bicubic);
  for (std::size_t i = 0; i < grid.size(); ++i) CHECK(same[i] == Approx(grid[i]).margin(1e-6));
}

TEST_CASE("working memory is what is alive at once, and a reshape is free") {
  auto x = finish_tiny(tiny_tensors());
  REQUIRE(x);
  // The picture as it comes in and as the network holds it, the patches, and the picture once more as
  // patches.
  auto picture = 3u * 16 * 24, patches = 4u * 2 * 3;
  CHECK(working_bytes(x->plan, 4) == (picture + patches + picture) * 4 + picture * 4);
  CHECK(weight_elements(x->plan) == 4 * 3 * 64 + 4 + 24 + 6);
}

TEST_CASE("options of a checkpoint change what its catalog says") {
  VEF_NEEDS(golden_dir() / "dinov2");
  copied_checkpoint x{"dinov2"};
  auto usual = x.open();
  REQUIRE(usual);
  CHECK(usual->info.normalized);
  CHECK(usual->info.prepare.crop_width == 56);

  checkpoint_options options{
      .output = "cls_mean_patch", .normalize = false, .size = {112, 84}, .truncate = 10};
  auto other = x.open(options);
  REQUIRE(other);
  CHECK(other->info.embed_dim == 10);
  CHECK(other->dim == 2 * usual->dim);
  CHECK_FALSE(other->info.normalized);
  CHECK(other->info.prepare.crop_width == 112);
  CHECK(other->info.prepare.crop_height == 84);
  CHECK(other->info.prepare.width == 2 * usual->info.prepare.width);

  options.truncate = 10000;
  CHECK(says(x.open(options), "'truncate_dim' is 10000"));
}

TEST_CASE("a checkpoint tells what its tiers hold, a half of it in half precision") {
  VEF_NEEDS(golden_dir() / "siglip-so400m-bf16");
  auto x = copied_checkpoint{"siglip-so400m-bf16"}.open();
  REQUIRE(x);
  REQUIRE(x->info.tiers.size() == 2);
  CHECK(x->info.tiers[0].tier == tier::mapped);
  CHECK(x->info.tiers[1].tier == tier::packed);
  CHECK(x->info.tiers[0].bytes * 2 == x->info.tiers[1].bytes);
  CHECK(x->info.tiers[0].serves);
}

TEST_CASE("numbers below float32 are widened exactly") {
  VEF_NEEDS(golden_dir() / "clip-laion-gelu-f16");
  // All halves, through a tensor that is derived: positions of another size than the native one.
  copied_checkpoint x{"clip-laion-gelu-f16"};
  checkpoint_options options;
  options.size = {64, 64};
  auto opened = x.open(options);
  REQUIRE(opened);
  auto network = to_network(*opened, precision::float32);
  bool derived = false;
  for (std::size_t i = 0; i < network->weights.size(); ++i) {
    if (!network->plan.weights[i].derive) continue;
    derived = true;
    CHECK(network->weights[i].type == dtype::f32);
    auto values = reinterpret_cast<const float*>(network->weights[i].data);
    CHECK(std::isfinite(values[0]));
    CHECK(std::fabs(values[0]) < 10);
  }
  CHECK(derived);
}

TEST_CASE("a compared precision is remembered across books, and a broken book is an empty one") {
  scratch folder;
  auto file = std::filesystem::path{folder / "state/precision.json"};
  {
    precision_book book{file};
    CHECK_FALSE(book.find("a"));
    book.note("a", 3e-5);
    CHECK(book.find("a") == 3e-5);
  }
  CHECK(precision_book{file}.find("a") == 3e-5);
  write(file, "{ not json");
  CHECK_FALSE(precision_book{file}.find("a"));
  CHECK_NOTHROW(precision_book{folder / "state/precision.json/inside"}.note("b", 1)); // cannot be written
}

TEST_CASE("test pictures are the same ones every time, and differ from each other") {
  auto x = test_pictures(40, 30);
  REQUIRE(x.size() == 4);
  CHECK(x == test_pictures(40, 30));
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(x[i].rgb.size() == 40 * 30 * 3);
    for (std::size_t j = 0; j < i; ++j) CHECK(x[i] != x[j]);
  }
}
