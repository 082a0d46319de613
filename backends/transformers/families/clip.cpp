// CLIP's vision tower (hf.md, 3.1), alone or in a checkpoint that has the text tower too.
#include <vef/backends/transformers/families/clip_layers.hpp>
#include <vef/backends/transformers/family.hpp>
#include <vef/backends/transformers/positions.hpp>

namespace vef {

namespace {

// Old files have it under another name, which then counts.
config_reader vision_part(const config_reader& config) {
  for (auto key : {"vision_config_dict", "vision_config"})
    if (config.has(key)) return config.part(key);
  return config;
}

void build(config_reader& whole, network_builder& b) {
  auto config = vision_part(whole);
  auto width = config.width("hidden_size", 768);
  auto patch = config.sides("patch_size", 32), native = config.sides("image_size", 224);
  auto count = (native[0] / patch[0]) * (native[1] / patch[0]);
  auto epsilon = config.epsilon("layer_norm_eps", 1e-5);

  b.ignore({"text_model.*", "text_projection.*", "logit_scale", "*.position_ids"});
  b.set_prefix(b.prefix_of("embeddings.patch_embedding.weight", {"vision_model.", ""}));
  auto patches = b.as_tokens(add_patches(b, b.picture(), "embeddings.patch_embedding", width, patch, false));
  auto where = take_positions(b, {.name = "embeddings.position_embedding.weight",
                                  .stored = {count + 1, width},
                                  .front = 1,
                                  .patch = patch[0],
                                  .native = native});
  auto class_token = b.take("embeddings.class_embedding", {width});
  auto x = b.add(plan::token_list{.in = patches,
                                  .out = {},
                                  .fronts = {{class_token, 0}},
                                  .front_positions = where.front,
                                  .positions = where.patches});
  x = b.layer_norm(x, "pre_layrnorm", epsilon); // spelt so

  transformer_layer layer{.after = plan::activation::quick_gelu, .epsilon = epsilon};
  x = add_clip_layers(b, config, x, layer);

  auto pooled = b.layer_norm(b.add(plan::select{x, {}, 0}), "post_layernorm", epsilon);
  b.set_prefix("");
  if (auto shape = b.shape_of("visual_projection.weight"); shape.size() == 2) {
    plan::linear projection{
        .in = pooled, .out = {}, .matrix = b.take("visual_projection.weight", {shape[0], width})};
    b.output("image_embeds", b.add(projection, shape[0]), true);
  }
  b.output("pooler_output", pooled);
  b.output("cls", pooled);
}

} // namespace

model_family clip_family() { return {"CLIP", {"clip", "clip_vision_model"}, build}; }

} // namespace vef
