// Every recorded checkpoint in both tiers, beside what the reference implementation computed from it:
// networks from recorded pixels, and whole paths from the files of photographs.
#include "parity/transformers_models.hpp"

#include <vef/backends/transformers/checkpoint.hpp>

#include <set>

using namespace vef;
using namespace vef::test;

namespace {

using json = nlohmann::json;

/// A recorded checkpoint and its index.
struct golden {
  std::string name;
  std::filesystem::path folder = golden_dir() / name;
  json index = read_json_file(folder / "expected/index.json");

  std::filesystem::path array(const json& entry) const {
    return folder / "expected" / entry.value("dir", std::string{"."}) / entry.at("file").get<std::string>();
  }
  npy<float> floats(const std::string& logical) const {
    return read_npy<float>(array(index.at("files").at(logical)));
  }
};

std::unique_ptr<network> load(const checkpoint& x, tier where, precision compute = precision::float32) {
  auto library = open_torch_library(torch_library_places());
  if (!library) throw std::runtime_error(library.error().what);
  network_spec spec{.planned = to_network(x, compute),
                    .width = x.width(),
                    .height = x.height(),
                    .channels_last = true,
                    .dim = static_cast<std::uint32_t>(x.dim),
                    .load = {.threads = 2, .tier = where}};
  result<std::unique_ptr<network>> made;
  library->load(spec, made);
  if (!made) throw std::runtime_error(made.error().what);
  return std::move(*made);
}

checkpoint open(const golden& from, checkpoint_options options = {}) {
  auto x = open_checkpoint({from.name, from.folder, {}}, builtin_families(), options);
  if (!x) throw std::runtime_error(x.error().what);
  return std::move(*x);
}

// Recorded arrays are channel first; the engine takes the channels of a pixel together.
rows forward(network& net, const npy<float>& pixels, std::size_t dim) {
  auto count = pixels.shape[0], plane = pixels.shape[2] * pixels.shape[3];
  rows out{count, dim};
  auto write = [&](std::span<float> to) {
    REQUIRE(to.size() == pixels.values.size());
    for (std::size_t n = 0; n < count; ++n)
      for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t i = 0; i < plane; ++i) to[(n * plane + i) * 3 + c] = pixels.row(n)[c * plane + i];
  };
  auto done = net.forward(write, out.spans(), {.threads = 2});
  INFO((done ? "" : done.error().what));
  REQUIRE(done);
  return out;
}

void compare(distance& sum, network& net, const npy<float>& pixels, const npy<float>& expected) {
  auto got = forward(net, pixels, expected.row_size());
  for (std::size_t i = 0; i < std::min(pixels.shape[0], expected.shape[0]); ++i)
    sum.add(got[i], expected.row(i), expected.row_size());
}

distance other_sizes(const golden& from, tier where) {
  distance sum;
  for (const auto& x : from.index.at("nonnative")) {
    checkpoint_options options;
    options.size = {x.at("width"), x.at("height")};
    auto net = load(open(from, options), where);
    auto pixels = read_npy<float>(from.folder / "expected" / x.at("pixel_values_dir").get<std::string>()
                                  / x.at("pixel_values").get<std::string>());
    INFO(x.at("width") << " x " << x.at("height"));
    compare(sum, *net, pixels,
            read_npy<float>(from.folder / "expected" / x.at("embedding").get<std::string>()));
  }
  return sum;
}

// From the files of photographs, through the backend as users have it.
distance whole_path(const golden& from, tier where) {
  auto made = make_transformers(from.folder);
  REQUIRE(made);
  auto info = (*made)->catalog().at(0);
  auto model = (*made)->load(info, {.threads = 2, .tier = where});
  REQUIRE(model);
  auto name = from.index.at("default_embedding").get<std::string>();
  auto expected = from.floats("embeddings." + name + (info.normalized ? ".l2" : ""));
  distance sum;
  for (const auto& row : from.index.at("rows")) {
    if (!row.at("exif_transposed").get<bool>()) continue; // pictures are always turned upright here
    auto picture =
        prepare(image{(golden_dir() / "images" / row.at("image").get<std::string>()).string()}, info.prepare);
    REQUIRE(picture);
    rows out{1, info.embed_dim};
    REQUIRE((*model)->embed({&*picture, 1}, out.spans(), {.threads = 2}));
    sum.add(out[0], expected.row(row.at("row")), info.embed_dim);
  }
  return sum;
}

void check(const std::string& what, const distance& x, const tolerance& limit) {
  std::cout << "  " << what << ": " << text_of(x) << '\n';
  INFO(what);
  CHECK(x.largest < limit.largest);
  CHECK(x.angle < limit.angle);
}

void check_folder(const std::string& name) {
  const golden from{name};
  auto limit = tolerance_of(name);
  auto pixels = from.floats("pixel_values");
  auto noise = from.floats("noise_pixel_values");
  auto usual = from.index.at("default_embedding").get<std::string>();
  for (auto where : {tier::mapped, tier::packed}) {
    std::cout << name << ", " << to_string(where) << '\n';
    for (const auto& output : from.index.at("embeddings")) {
      auto word = output.get<std::string>();
      checkpoint_options options;
      options.output = word;
      auto net = load(open(from, options), where);
      distance sum;
      compare(sum, *net, pixels, from.floats("embeddings." + word));
      if (word == usual) compare(sum, *net, noise, from.floats("noise_embeddings." + word));
      check(word, sum, limit);
    }
    check("other sizes", other_sizes(from, where), limit);
    check("from files", whole_path(from, where), limit);
  }
  CHECK(open(from).info.embed_dim == from.floats("embeddings." + usual).row_size());
}

const std::set<std::string> listed{
    "clip",         "clip-laion-gelu-f16", "clip-odd-config",    "clip-sharded",
    "convnext",     "convnext-odd-config", "convnextv2",         "deit-distilled",
    "dinov2",       "dinov2-odd-config",   "dinov2-registers",   "dinov2-swiglu-classifier",
    "efficientnet", "mobilenet-v2",        "resnet-basic",       "resnet-bottleneck",
    "siglip",       "siglip-odd-config",   "siglip-so400m-bf16", "swin",
    "vit",          "vit-classifier",      "vit-odd-config"};

} // namespace

#define VEF_GOLDEN(name)                                                                                     \
  TEST_CASE("the vectors of the recorded checkpoint " name " are the reference's") {                         \
    VEF_NEEDS(golden_dir() / name);                                                                          \
    check_folder(name);                                                                                      \
  }

VEF_GOLDEN("clip")
VEF_GOLDEN("clip-laion-gelu-f16")
VEF_GOLDEN("clip-odd-config")
VEF_GOLDEN("clip-sharded")
VEF_GOLDEN("convnext")
VEF_GOLDEN("convnext-odd-config")
VEF_GOLDEN("convnextv2")
VEF_GOLDEN("deit-distilled")
VEF_GOLDEN("dinov2")
VEF_GOLDEN("dinov2-odd-config")
VEF_GOLDEN("dinov2-registers")
VEF_GOLDEN("dinov2-swiglu-classifier")
VEF_GOLDEN("efficientnet")
VEF_GOLDEN("mobilenet-v2")
VEF_GOLDEN("resnet-basic")
VEF_GOLDEN("resnet-bottleneck")
VEF_GOLDEN("siglip")
VEF_GOLDEN("siglip-odd-config")
VEF_GOLDEN("siglip-so400m-bf16")
VEF_GOLDEN("swin")
VEF_GOLDEN("vit")
VEF_GOLDEN("vit-classifier")
VEF_GOLDEN("vit-odd-config")

TEST_CASE("every recorded checkpoint has a test") {
  VEF_NEEDS(golden_dir() / "clip");
  for (const auto& name : golden_checkpoints()) CHECK(listed.contains(name));
  CHECK(golden_checkpoints().size() == listed.size());
}
