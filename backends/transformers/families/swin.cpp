// Swin (hf.md, 3.7): attention inside windows that every second layer shifts.
#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/family.hpp>
#include <vef/backends/transformers/positions.hpp>

namespace vef {

namespace {

/// The grid of a stage, and its windows.
struct stage {
  std::int64_t height = 0, width = 0; ///< in tokens
  std::int64_t heads = 1, size = 7;
};

// Which of three strips of the rolled axis a place is in; two places see each other if they share both
// strips.
std::int64_t strip(std::int64_t at, std::int64_t length, std::int64_t size, std::int64_t shift) {
  return at < length - size ? 0 : at < length - shift ? 1 : 2;
}

/// What is added to the scores: groups x heads x n x n, with one group where nothing is shifted.
struct window_bias {
  std::int64_t heads, size, shift;
  std::int64_t down, across; ///< windows

  std::int64_t groups() const { return shift > 0 ? down * across : 1; }

  std::vector<float> operator()(const std::vector<float>& table) const {
    auto n = size * size;
    std::vector<float> out(static_cast<std::size_t>(groups() * heads * n * n));
    auto to = out.begin();
    for (std::int64_t g = 0; g < groups(); ++g)
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t q = 0; q < n; ++q)
          for (std::int64_t k = 0; k < n; ++k) *to++ = from_table(table, h, q, k) + mask(g, q, k);
    return out;
  }

private:
  float from_table(const std::vector<float>& table, std::int64_t head, std::int64_t q, std::int64_t k) const {
    auto row = (q / size - k / size + size - 1) * (2 * size - 1) + (q % size - k % size + size - 1);
    return table[static_cast<std::size_t>(row * heads + head)];
  }

  float mask(std::int64_t group, std::int64_t q, std::int64_t k) const {
    if (shift == 0) return 0;
    auto region = [&](std::int64_t at) {
      auto y = group / across * size + at / size, x = group % across * size + at % size;
      return strip(y, down * size, size, shift) * 3 + strip(x, across * size, size, shift);
    };
    return region(q) == region(k) ? 0.f : -100.f;
  }
};

plan::slot add_block(network_builder& b, plan::slot x, const stage& grid, std::int64_t shift,
                     const transformer_layer& layer, const std::string& at) {
  window_bias bias{grid.heads, grid.size, shift, (grid.height + grid.size - 1) / grid.size,
                   (grid.width + grid.size - 1) / grid.size};
  auto n = grid.size * grid.size, rows = (2 * grid.size - 1) * (2 * grid.size - 1);
  auto normed = b.layer_norm(x, layer.norm1, layer.epsilon);
  auto cut = b.add(plan::windows{normed, {}, grid.height, grid.width, grid.size, shift, false});
  auto attention = take_attention(b, cut, layer);
  attention.bias = b.take_derived(at + "attention.self.relative_position_bias_table", {rows, grid.heads},
                                  {bias.groups(), grid.heads, n, n}, bias);
  auto together = b.add(plan::windows{b.add(attention), {}, grid.height, grid.width, grid.size, shift, true});
  auto width = b[x].back();
  auto out = b.linear(together, layer.out, width, plan::activation::none, x);
  return add_mlp(b, out, layer);
}

plan::slot add_stage(network_builder& b, plan::slot x, stage grid, const std::string& at, std::int64_t depth,
                     transformer_layer layer, bool bias) {
  auto shifted = grid.size / 2;
  if (auto shorter = std::min(grid.height, grid.width); shorter <= grid.size)
    grid.size = shorter, shifted = 0;
  layer.heads = grid.heads;
  layer.projection_bias = bias;
  for (std::int64_t j = 0; j < depth; ++j) {
    auto block = at + "blocks." + std::to_string(j) + ".";
    layer.norm1 = block + "layernorm_before", layer.norm2 = block + "layernorm_after";
    layer.query = block + "attention.self.query", layer.key = block + "attention.self.key";
    layer.value = block + "attention.self.value", layer.out = block + "attention.output.dense";
    layer.up = block + "intermediate.dense", layer.down = block + "output.dense";
    x = add_block(b, x, grid, j % 2 ? shifted : 0, layer, block);
  }
  return x;
}

void build(config_reader& config, network_builder& b) {
  auto width = config.whole("embed_dim", 96, 1, 1 << 14);
  auto depths = config.wholes("depths", {2, 2, 6, 2}, 1, 1000);
  auto heads = config.wholes("num_heads", {3, 6, 12, 24}, 1, 1024);
  if (depths.size() != heads.size() || depths.size() > 8)
    return config.refuse("'depths' and 'num_heads' must be of the same length, at most 8");
  auto patch = config.sides("patch_size", 4), native = config.sides("image_size", 224);
  auto size = config.whole("window_size", 7, 1, 64);
  auto epsilon = config.epsilon("layer_norm_eps", 1e-5);
  auto bias = config.flag("qkv_bias", true);
  auto ratio = config.number("mlp_ratio", 4, 0.01, 64);
  transformer_layer layer{.after = config.activation("hidden_act", plan::activation::gelu),
                          .epsilon = epsilon};
  constexpr double merge_epsilon = 1e-5; // whatever the config says

  b.ignore({"classifier.*", "decoder.*", "*.relative_position_index", "*.mask_token"});
  b.set_prefix(b.prefix_of("embeddings.norm.weight", {"", "swin."}));
  auto picture = b.pad_to_multiple(b.picture(), patch[0]);
  auto map = add_patches(b, picture, "embeddings.patch_embeddings.projection", width, patch, true);
  stage grid{b[map][1], b[map][2], 1, size};
  auto x = b.layer_norm(b.as_tokens(map), "embeddings.norm", merge_epsilon);
  if (config.flag("use_absolute_embeddings", false)) {
    auto count = (native[0] / patch[0]) * (native[1] / patch[0]);
    auto where = take_positions(b, {.name = "embeddings.position_embeddings",
                                    .stored = {1, count, width},
                                    .patch = patch[0],
                                    .native = native});
    x = b.add(plan::token_list{.in = x, .out = {}, .positions = where.patches});
  }
  for (std::size_t s = 0; s < depths.size(); ++s) {
    auto at = "encoder.layers." + std::to_string(s) + ".";
    grid.heads = heads[s];
    layer.inner = static_cast<std::int64_t>(ratio * static_cast<double>(width));
    x = add_stage(b, x, grid, at, depths[s], layer, bias);
    if (s + 1 == depths.size()) break;
    x = b.add(plan::merge_patches{x, {}, grid.height, grid.width});
    x = b.layer_norm(x, at + "downsample.norm", merge_epsilon);
    x = b.add(plan::linear{.in = x,
                           .out = {},
                           .matrix = b.take(at + "downsample.reduction.weight", {2 * width, 4 * width})},
              2 * width);
    width *= 2;
    grid.height = (grid.height + 1) / 2, grid.width = (grid.width + 1) / 2;
  }
  b.output("pooler_output", b.add(plan::pool{b.layer_norm(x, "layernorm", epsilon), {}}));
}

} // namespace

model_family swin_family() { return {"Swin", {"swin"}, build}; }

} // namespace vef
