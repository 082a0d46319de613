// A family of models that vef does not know: what a network computes, from its config.json and tensors. Here
// a network of one transformer layer, whose checkpoint, with random weights, the program makes for itself.
#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/transformers.hpp>
#include <vef/supervisor/runtime.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

namespace {

void build_tiny(vef::config_reader& config, vef::network_builder& network) {
  auto width = config.width("hidden_size", 32);
  auto patch = config.sides("patch_size", 16);
  auto patches = vef::add_patches(network, network.picture(), "patches", width, patch, true);
  auto x = vef::add_layer(network, network.as_tokens(patches),
                          {.norm1 = "layer.norm1",
                           .query = "layer.query",
                           .key = "layer.key",
                           .value = "layer.value",
                           .out = "layer.out",
                           .norm2 = "layer.norm2",
                           .up = "layer.up",
                           .down = "layer.down",
                           .heads = config.whole("num_attention_heads", 4, 1, 64),
                           .inner = 4 * width,
                           .after = config.activation("hidden_act", vef::plan::activation::gelu)});
  network.output("mean_tokens", network.add(vef::plan::pool{.in = x}), true);
}

/// Writes a checkpoint as the Hub has them: a header that says where each tensor is, then all numbers.
void write_checkpoint(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::ofstream{folder / "config.json"} << R"({"model_type": "tiny", "hidden_size": 32, "patch_size": 16})";
  std::ofstream{folder / "preprocessor_config.json"}
      << R"({"image_processor_type": "ViTImageProcessor", "size": {"height": 64, "width": 64}})";
  std::vector<std::pair<std::string, std::vector<int>>> tensors{{"patches.weight", {32, 3, 16, 16}},
                                                                {"patches.bias", {32}}};
  for (auto norm : {"layer.norm1", "layer.norm2"})
    for (auto part : {".weight", ".bias"}) tensors.push_back({std::string{norm} + part, {32}});
  for (auto part : {"query", "key", "value", "out"}) {
    tensors.push_back({std::string{"layer."} + part + ".weight", {32, 32}});
    tensors.push_back({std::string{"layer."} + part + ".bias", {32}});
  }
  tensors.insert(tensors.end(), {{"layer.up.weight", {128, 32}},
                                 {"layer.up.bias", {128}},
                                 {"layer.down.weight", {32, 128}},
                                 {"layer.down.bias", {32}}});
  std::string header = "{";
  std::uint64_t numbers = 0;
  for (const auto& [name, shape] : tensors) {
    std::string sides;
    std::uint64_t count = 1;
    for (auto n : shape)
      sides += (sides.empty() ? "" : ",") + std::to_string(n), count *= static_cast<std::uint64_t>(n);
    header += (numbers ? "," : "") + ("\"" + name) + "\":{\"dtype\":\"F32\",\"shape\":[" + sides
              + "],\"data_offsets\":[" + std::to_string(4 * numbers) + ","
              + std::to_string(4 * (numbers + count)) + "]}";
    numbers += count;
  }
  header += "}";
  std::ofstream out{folder / "model.safetensors", std::ios::binary};
  auto size = static_cast<std::uint64_t>(header.size());
  out.write(reinterpret_cast<const char*>(&size), 8) << header;
  std::mt19937 random{1};
  std::normal_distribution<float> normal{0, 0.1f};
  for (std::uint64_t i = 0; i < numbers; ++i) {
    auto x = normal(random);
    out.write(reinterpret_cast<const char*>(&x), 4);
  }
}

} // namespace

int main(int argc, char** argv) {
  auto folder = std::filesystem::temp_directory_path() / "vef-tiny-checkpoint";
  write_checkpoint(folder);

  auto families = vef::builtin_families();
  vef::or_throw(families.add({.name = "Tiny", .model_types = {"tiny"}, .build = build_tiny}));
  auto types = std::make_shared<vef::backend_types>();
  vef::add_transformers_backend(*types, families);

  vef::runtime runtime{{.backends = types}};
  auto service =
      vef::or_throw(runtime.create({.name = "transformers", .settings = {{"models", folder.string()}}}));
  for (const auto& row : service.embed({argv + 1, argv + argc}))
    if (row)
      std::printf("%zu numbers, the first %.4f\n", row.vector().size(), row.vector()[0]);
    else
      std::printf("%s\n", vef::describe(row.error()).c_str());
}
