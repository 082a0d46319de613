#pragma once

#include <vef/backends/transformers/config_reader.hpp>
#include <vef/backends/transformers/network_builder.hpp>

#include <functional>
#include <string>
#include <vector>

namespace vef {

/// Models of one architecture, however large: how their network is made from config.json and the tensors.
///
/// A family of your own is one function over the steps of `network_builder` and the parts in `blocks.hpp`:
///
///     vef::model_families families = vef::builtin_families();
///     families.add({.name = "My ViT", .model_types = {"my_vit"}, .build = build_my_vit});
///     vef::add_transformers_backend(types, families);
struct model_family {
  std::string name = {};                     ///< for people
  std::vector<std::string> model_types = {}; ///< values of `model_type` in config.json

  /// Describes the network and its outputs, the most conventional first. What is wrong with the config goes
  /// to the reader, what is wrong with the network to the builder; neither throws.
  std::function<void(config_reader&, network_builder&)> build = {};
};

/// Families by the `model_type` that they read. A copy is independent.
class model_families {
public:
  /// Errors: duplicate_name for a model_type that another family reads, invalid_argument for a family that
  /// reads none or cannot build.
  result<void> add(model_family x);

  /// Errors: unsupported_model, with all that is known.
  result<const model_family*> find(const std::string& model_type) const;

private:
  std::vector<model_family> all_;
};

/// CLIP, SigLIP, DINOv2, ViT, DeiT, ResNet, ConvNeXt, Swin, EfficientNet and MobileNetV2.
model_families builtin_families();

model_family clip_family();
model_family siglip_family();
model_family dinov2_family();
model_family vit_family();
model_family resnet_family();
model_family convnext_family();
model_family swin_family();
model_family efficientnet_family();
model_family mobilenet_v2_family();

} // namespace vef
