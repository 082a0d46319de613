#pragma once

#include <vef/backends/document.hpp>
#include <vef/backends/image/prepare.hpp>
#include <vef/messages/model.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace vef {

/// What a description file says of a model file.
///
///     id = "mobilenet-v2"                       # what requests call it
///     name = "MobileNetV2, pooled features"     # for people
///     file = "mobilenet_v2.pt"                  # .pt or .pt2, from the folder of this description
///     input = { size = [224, 224], channels = "rgb", layout = "nchw" }
///     resize = { shortest_edge = 256, interpolation = "bilinear", antialias = true }
///     crop = { center = [224, 224] }
///     scale = 0.00392156862745098
///     mean = [0.5, 0.5, 0.5]
///     std = [0.5, 0.5, 0.5]
///     output = { dim = 1280, normalize = false }
///
/// Sizes are [width, height]. Instead of `shortest_edge`, `resize` takes `longest_edge = N` or `size =
/// [width, height]`. With `layout = "nhwc"` the network gets pictures x height x width x 3. Of a network that
/// gives several tensors `output.index` or `output.key` chooses one. What resize and crop leave must be
/// `input.size`.
///
/// May be left out: name, channels (rgb), layout (nchw), antialias (true), crop (none), normalize (false),
/// and these: description, recommended_use, performance_rating (fast, balanced or accurate), batch_size (8),
/// memory_estimate (bytes, or a text such as "1.5GiB"), device ("cpu", "cuda", "cuda:N", "emulated" or
/// "emulated:N": goes before the service's).
///
/// JSON with the same keys will do as well. Anything else in the file is an error: a misspelt key must not
/// change vectors.
struct torch_description {
  model_info info;
  std::filesystem::path source; ///< the description
  std::filesystem::path file;   ///< the model
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  tensor_layout layout = tensor_layout::nchw;
  std::optional<std::uint32_t> output_index;
  std::string output_key;
  std::string device = "cpu";
};

/// Whether a document of that name is about a file that this backend reads: it says so, or is named like one.
bool describes_torch_model(const document& x, const std::filesystem::path& source);

/// Reads the keys of a description. Errors: invalid_config, with the place in the file.
result<torch_description> to_description(const document& x, const std::filesystem::path& source,
                                         const std::string& device = "cpu");

/// Whether a text names a device: "cpu", "cuda", "cuda:3", "emulated", "emulated:1".
bool is_torch_device(std::string_view text);

inline constexpr auto torch_devices = "'cpu', 'cuda', 'cuda:N', 'emulated' or 'emulated:N'";

/// What a tier calls the memory of a device: "host", "cuda:0".
std::string memory_of(const std::string& device);

/// Whether a device is one for machines without any: the same in all but that its memory is the host's.
bool is_emulated(std::string_view device);

} // namespace vef
