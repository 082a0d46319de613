#pragma once

#include <vef/backends/document.hpp>
#include <vef/messages/preparation.hpp>

#include <filesystem>
#include <string_view>

namespace vef {

/// The settings of a checkpoint's image processor: the part `image_processor` of processor_config.json where
/// there is one, else preprocessor_config.json, else an empty table, from which `read_processor` makes the
/// family's defaults. Errors: invalid_config, for a file that cannot be read.
result<document> read_processor_file(const std::filesystem::path& folder);

/// What an image processor of transformers does to a picture (hf.md, 5.1 and 5.2): that of CLIP, Bit, Siglip,
/// ViT, DeiT, ConvNext, EfficientNet or MobileNetV2, by `image_processor_type`, else by
/// `feature_extractor_type`, else the one that models of `model_type` use. Endings are ignored: ...Fast,
/// ...Pil, and FeatureExtractor for ImageProcessor.
///
/// A key that is missing or null takes its default, which for `resample` depends on `whose`: version 4's in
/// Pillow's arithmetic, version 5's in torchvision's (ConvNext: bilinear, bicubic; EfficientNet: nearest,
/// bicubic). Keys of no concern to a processor are ignored, such as the crop of a ViT, and so is
/// `do_convert_rgb`: pictures are always RGB.
///
/// `size` and `crop_size` are a number, [height, width], {"height", "width"} or, for `size`,
/// {"shortest_edge"}. Means and standard deviations are three numbers or one for all three.
///
/// Errors: invalid_config with the file and the key, for what is of the wrong kind or makes no sense (sides
/// outside 1 to 16384, a std of 0), and for a processor that is unknown or not supported yet, as DINOv3's is.
result<preparation> read_processor(const document& processor, std::string_view model_type, arithmetic whose);

} // namespace vef
