// ViT and DeiT (hf.md, 3.4): DeiT has a distillation token after the class token, and no pooler of use.
#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/family.hpp>
#include <vef/backends/transformers/positions.hpp>

namespace vef {

namespace {

plan::slot add_tokens(network_builder& b, config_reader& config, std::int64_t width, bool distilled) {
  auto patch = config.sides("patch_size", 16), native = config.sides("image_size", 224);
  auto count = (native[0] / patch[0]) * (native[1] / patch[0]);
  auto front = distilled ? 2 : 1;
  auto patches =
      b.as_tokens(add_patches(b, b.picture(), "embeddings.patch_embeddings.projection", width, patch, true));
  auto where = take_positions(b, {.name = "embeddings.position_embeddings",
                                  .stored = {1, count + front, width},
                                  .front = front,
                                  .patch = patch[0],
                                  .native = native});
  plan::token_list x{.in = patches, .out = {}, .front_positions = where.front, .positions = where.patches};
  x.fronts.push_back({b.take_part("embeddings.cls_token", {1, 1, width}, {1, width}, 0), 0});
  if (distilled)
    x.fronts.push_back({b.take_part("embeddings.distillation_token", {1, 1, width}, {1, width}, 0), 1});
  return b.add(std::move(x));
}

plan::slot add_layers(network_builder& b, config_reader& config, plan::slot x, double epsilon) {
  transformer_layer layer{.heads = config.whole("num_attention_heads", 12, 1, 1024),
                          .inner = config.width("intermediate_size", 3072),
                          .after = config.activation("hidden_act", plan::activation::gelu),
                          .epsilon = epsilon,
                          .projection_bias = config.flag("qkv_bias", true)};
  auto layers = config.layers("num_hidden_layers", 12);
  for (std::int64_t i = 0; i < layers; ++i) {
    auto at = "encoder.layer." + std::to_string(i) + ".";
    layer.norm1 = at + "layernorm_before", layer.norm2 = at + "layernorm_after";
    layer.query = at + "attention.attention.query", layer.key = at + "attention.attention.key";
    layer.value = at + "attention.attention.value", layer.out = at + "attention.output.dense";
    layer.up = at + "intermediate.dense", layer.down = at + "output.dense";
    x = add_layer(b, x, layer);
  }
  return x;
}

void build(config_reader& config, network_builder& b) {
  auto distilled = config.word("model_type", {}) == "deit";
  auto width = config.width("hidden_size", 768);
  auto epsilon = config.epsilon("layer_norm_eps", 1e-12);

  b.ignore({"classifier.*", "cls_classifier.*", "distillation_classifier.*", "decoder.*", "*.mask_token"});
  b.set_prefix(b.prefix_of("embeddings.cls_token", {"", distilled ? "deit." : "vit."}));
  auto x = add_layers(b, config, add_tokens(b, config, width, distilled), epsilon);
  auto tokens = b.layer_norm(x, "layernorm", epsilon);
  auto cls = b.add(plan::select{tokens, {}, 0});

  if (distilled) {
    b.ignore({b.prefix() + "pooler.*"});
    b.output("cls", cls);
    b.output("distillation", b.add(plan::select{tokens, {}, 1}));
    b.output("mean_cls_dist", b.add(plan::pool{tokens, {}, 0, 2}));
    b.output("mean_patch", b.add(plan::pool{tokens, {}, 2}));
    return;
  }
  if (b.has("pooler.dense.weight")) {
    auto size = config.width("pooler_output_size", width);
    auto after = config.activation("pooler_act", plan::activation::tanh);
    b.output("pooler_output", b.linear(cls, "pooler.dense", size, after));
  }
  b.output("cls", cls);
  b.output("mean_patch", b.add(plan::pool{tokens, {}, 1}));
}

} // namespace

model_family vit_family() { return {"ViT", {"vit", "deit"}, build}; }

} // namespace vef
