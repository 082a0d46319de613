#pragma once

#include <vef/backends/image/decode.hpp>
#include <vef/messages/preparation.hpp>

#include <span>

namespace vef {

/// Decodes a picture and brings it to the size that `x` asks for: resize, crop or pad, mirror. Still 8-bit
/// RGB, so that what waits in a queue is small; `normalize_into` does the rest while a batch is put together.
result<pixels> prepare(const image& source, const preparation& x, const decode_limits& limits = {});

/// The same for a picture that is decoded already.
result<pixels> fit(pixels picture, const preparation& x);

/// Resizes as Pillow 12 does with the filter and its antialiasing, to the bit: two passes, horizontal first,
/// 8 bits between them, 22-bit fixed-point weights (hf.md, 5.3; Pillow's Resample.c). Without antialiasing:
/// OpenCV's INTER_NEAREST, INTER_LINEAR, INTER_CUBIC or INTER_LANCZOS4.
pixels resize(const pixels& picture, std::uint32_t width, std::uint32_t height, interpolation filter,
              bool antialias = true);

enum class tensor_layout : std::uint8_t { nchw, nhwc };

/// Writes the pictures as float32, (value * scale - mean) / std per channel, one after the other:
/// images.size() x 3 x height x width numbers in the layout asked for. All pictures must have the same size.
/// The arithmetic is that of the reference (hf.md, 5.2): float32(double(u8) * scale), then float32
/// subtraction and division.
void normalize_into(std::span<const pixels> images, const preparation& x, tensor_layout layout,
                    std::span<float> out);

} // namespace vef
