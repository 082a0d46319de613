#pragma once

#include <vef/backends/transformers/blocks.hpp>
#include <vef/backends/transformers/config_reader.hpp>

namespace vef {

/// The layers that CLIP and SigLIP have in common, names and keys of the config included. `layer` has the
/// activation that the config may leave unsaid, and the epsilon.
inline plan::slot add_clip_layers(network_builder& network, config_reader& config, plan::slot x,
                                  transformer_layer& layer) {
  layer.heads = config.whole("num_attention_heads", 12, 1, 1024);
  layer.inner = config.width("intermediate_size", 3072);
  layer.after = config.activation("hidden_act", layer.after);
  auto layers = config.layers("num_hidden_layers", 12);
  for (std::int64_t i = 0; i < layers; ++i) {
    auto at = "encoder.layers." + std::to_string(i) + ".";
    layer.norm1 = at + "layer_norm1", layer.norm2 = at + "layer_norm2";
    layer.query = at + "self_attn.q_proj", layer.key = at + "self_attn.k_proj";
    layer.value = at + "self_attn.v_proj", layer.out = at + "self_attn.out_proj";
    layer.up = at + "mlp.fc1", layer.down = at + "mlp.fc2";
    x = add_layer(network, x, layer);
  }
  return x;
}

} // namespace vef
