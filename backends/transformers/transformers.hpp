#pragma once

#include <vef/backends/transformers/family.hpp>
#include <vef/backends/types.hpp>

namespace vef {

/// Registers `transformers`: checkpoints of Hugging Face's transformers, straight from their folders.
/// Settings:
///
///   models         files and folders separated by ':': a checkpoint's own, or one that holds NAME or
///   ORG/NAME hub_cache      "true": also the models in the Hub's cache of this user output         what of
///   the network: a name that the model's facts list, such as "cls", "mean", "pooler" normalize      "true"
///   or "false": vectors of length 1; otherwise as is usual for the output size           side of the input
///   in pixels, where the family can take another than its own truncate_dim   how many numbers of a vector to
///   keep, for models trained for that precision      "float32" (the default), "bfloat16", "float16" (CUDA)
///   or "auto": half precision where that is
///                  fast and a check at the first load finds the vectors within a cosine distance of 1e-4
///   precision_file where the outcomes of such checks are kept; none: as long as the service
///   arithmetic     "pillow" (the default: Pillow up to 12), "pillow-13" or "torchvision": whose last
///                  bits prepared pictures have
///   device         "cpu" (the default), "cuda", "cuda:N", "emulated" ...
///   device_memory  of an emulated device
void add_transformers_backend(backend_types& types, model_families families = builtin_families());

} // namespace vef
