// DINOv2, with and without registers (hf.md, 3.3).
#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/family.hpp>
#include <vef/backends/transformers/positions.hpp>

namespace vef {

namespace {

// In the files one matrix holds both halves; the reference's newer names in memory have them apart.
plan::slot add_swiglu(network_builder& b, plan::slot x, const transformer_layer& layer,
                      const std::string& at) {
  auto width = b[x].back();
  auto inner = (layer.inner * 2 / 3 + 7) / 8 * 8;
  auto normed = b.layer_norm(x, layer.norm2, layer.epsilon);
  auto apart = b.has(at + "gate_proj.weight");
  plan::gate gate{.after = plan::activation::silu};
  if (apart) {
    gate.in = b.linear(normed, at + "gate_proj", inner);
    gate.other = b.linear(normed, at + "up_proj", inner);
  } else {
    gate.in = b.linear(normed, at + "weights_in", 2 * inner);
  }
  auto gated = b.add(gate);
  auto down = b.take_projection(at + (apart ? "down_proj" : "weights_out"), width, inner);
  return b.add(plan::linear{.in = gated,
                            .out = {},
                            .matrix = down.matrix,
                            .bias = down.bias,
                            .scale = b.take(layer.scale2, {width}),
                            .residual = x},
               width);
}

struct registers {
  std::int64_t count = 0;
  bool exist = false;
};

plan::slot add_tokens(network_builder& b, config_reader& config, std::int64_t width, const registers& more) {
  auto patch = config.sides("patch_size", more.exist ? 16 : 14), native = config.sides("image_size", 224);
  auto count = (native[0] / patch[0]) * (native[1] / patch[0]);
  auto patches =
      b.as_tokens(add_patches(b, b.picture(), "embeddings.patch_embeddings.projection", width, patch, true));
  auto where = take_positions(
      b, {.name = "embeddings.position_embeddings",
          .stored = {1, count + 1, width},
          .front = 1,
          .patch = patch[0],
          .native = native,
          .always = true,
          .filter = more.exist ? position_filter::antialiased_bicubic : position_filter::bicubic});
  plan::token_list x{.in = patches, .out = {}, .front_positions = where.front, .positions = where.patches};
  x.fronts.push_back({b.take_part("embeddings.cls_token", {1, 1, width}, {1, width}, 0), 0});
  if (more.count > 0)
    x.fronts.push_back(
        {b.take_part("embeddings.register_tokens", {1, more.count, width}, {more.count, width}, 0), {}});
  return b.add(std::move(x));
}

void build(config_reader& config, network_builder& b) {
  auto exist = config.word("model_type", {}) == "dinov2_with_registers";
  registers more{exist ? config.whole("num_register_tokens", 4, 0, 1024) : 0, exist};
  auto width = config.width("hidden_size", 768);

  b.ignore({"classifier.*", "*.mask_token"});
  b.set_prefix(b.prefix_of("embeddings.cls_token", {"", "dinov2.", "dinov2_with_registers."}));
  auto x = add_tokens(b, config, width, more);

  transformer_layer layer{.heads = config.whole("num_attention_heads", 12, 1, 1024),
                          .inner = static_cast<std::int64_t>(static_cast<double>(width)
                                                             * config.number("mlp_ratio", 4, 0.01, 64)),
                          .after = config.activation("hidden_act", plan::activation::gelu),
                          .epsilon = config.epsilon("layer_norm_eps", 1e-6),
                          .projection_bias = config.flag("qkv_bias", true)};
  auto layers = config.layers("num_hidden_layers", 12);
  auto swiglu = config.flag("use_swiglu_ffn", false);
  for (std::int64_t i = 0; i < layers; ++i) {
    auto at = "encoder.layer." + std::to_string(i) + ".";
    layer.norm1 = at + "norm1", layer.norm2 = at + "norm2";
    layer.query = at + "attention.attention.query", layer.key = at + "attention.attention.key";
    layer.value = at + "attention.attention.value", layer.out = at + "attention.output.dense";
    layer.up = at + "mlp.fc1", layer.down = at + "mlp.fc2";
    layer.scale1 = at + "layer_scale1.lambda1", layer.scale2 = at + "layer_scale2.lambda1";
    x = add_attention(b, x, layer);
    x = swiglu ? add_swiglu(b, x, layer, at + "mlp.") : add_mlp(b, x, layer);
  }

  auto tokens = b.layer_norm(x, "layernorm", layer.epsilon);
  auto cls = b.add(plan::select{tokens, {}, 0});
  auto mean = b.add(plan::pool{tokens, {}, 1 + more.count});
  b.output("cls", cls, true);
  b.output("pooler_output", cls, true);
  b.output("mean_patch", mean, true);
  b.output("cls_mean_patch", b.add(plan::concatenate{cls, mean, {}}), true);
}

} // namespace

model_family dinov2_family() { return {"DINOv2", {"dinov2", "dinov2_with_registers"}, build}; }

} // namespace vef
