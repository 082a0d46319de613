// SigLIP's vision tower (hf.md, 3.2), SigLIP 2 of a fixed resolution included: its files say `siglip` too.
#include <vef/backends/transformers/families/clip_layers.hpp>
#include <vef/backends/transformers/family.hpp>
#include <vef/backends/transformers/positions.hpp>

namespace vef {

namespace {

// One learnt token asks all others.
plan::slot add_pooling_head(network_builder& b, plan::slot x, std::int64_t inner, plan::activation after,
                            std::int64_t heads, double epsilon) {
  auto width = b[x].back();
  auto part = [&](std::int64_t i) {
    return plan::projection{
        b.take_part("head.attention.in_proj_weight", {3 * width, width}, {width, width}, i * width * width),
        b.take_part("head.attention.in_proj_bias", {3 * width}, {width}, i * width)};
  };
  auto probe = b.take_part("head.probe", {1, 1, width}, {1, width}, 0);
  auto asked = b.add(plan::attention{.in = x,
                                     .out = {},
                                     .query = part(0),
                                     .key = part(1),
                                     .value = part(2),
                                     .heads = heads,
                                     .probe = probe});
  auto z = b.linear(asked, "head.attention.out_proj", width);
  auto up = b.linear(b.layer_norm(z, "head.layernorm", epsilon), "head.mlp.fc1", inner, after);
  return b.add(plan::select{b.linear(up, "head.mlp.fc2", width, plan::activation::none, z), {}, 0});
}

void build(config_reader& whole, network_builder& b) {
  auto config = whole.has("vision_config") ? whole.part("vision_config") : whole;
  auto width = config.width("hidden_size", 768);
  auto patch = config.sides("patch_size", 16), native = config.sides("image_size", 224);
  auto count = (native[0] / patch[0]) * (native[1] / patch[0]);
  auto epsilon = config.epsilon("layer_norm_eps", 1e-6);

  b.ignore({"text_model.*", "logit_scale", "logit_bias", "*.position_ids", "classifier.*"});
  b.set_prefix(b.prefix_of("embeddings.patch_embedding.weight", {"vision_model.", ""}));
  auto patches = b.as_tokens(add_patches(b, b.picture(), "embeddings.patch_embedding", width, patch, true));
  auto where = take_positions(b, {.name = "embeddings.position_embedding.weight",
                                  .stored = {count, width},
                                  .patch = patch[0],
                                  .native = native});
  auto x = b.add(plan::token_list{.in = patches, .out = {}, .positions = where.patches});

  transformer_layer layer{.after = plan::activation::gelu_tanh, .epsilon = epsilon};
  x = add_clip_layers(b, config, x, layer);

  auto tokens = b.layer_norm(x, "post_layernorm", epsilon);
  // Without the head the mean of the tokens is what there is.
  if (config.flag("vision_use_head", true))
    b.output("pooler_output", add_pooling_head(b, tokens, layer.inner, layer.after, layer.heads, epsilon),
             true);
  b.output("mean_tokens", b.add(plan::pool{tokens, {}, 0}), true);
}

} // namespace

model_family siglip_family() { return {"SigLIP", {"siglip", "siglip_vision_model"}, build}; }

} // namespace vef
