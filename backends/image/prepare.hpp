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

/// Resizes as Pillow or torchvision does with the filter and its antialiasing, to the bit: two passes with 8
/// bits between them. Pillow 12: horizontal first, 22-bit fixed-point weights; Pillow 13: vertical first
/// where that leaves less to do (hf.md, 5.3; Pillow's Resample.c); torchvision: horizontal first, 16-bit
/// weights (hf.md, 5.4; PyTorch's UpSampleKernel.cpp for uint8 on a CPU with AVX2). Without antialiasing,
/// whosever arithmetic: OpenCV's INTER_NEAREST, INTER_LINEAR, INTER_CUBIC or INTER_LANCZOS4.
pixels resize(const pixels& picture, std::uint32_t width, std::uint32_t height, interpolation filter,
              bool antialias = true, arithmetic whose = arithmetic::pillow);

enum class tensor_layout : std::uint8_t { nchw, nhwc };

/// Writes the pictures as float32, (value * scale - shift - mean) / std / divisor per channel, one after the
/// other: images.size() x 3 x height x width numbers in the layout asked for. All pictures must have the same
/// size.
///
/// The arithmetic is that of the reference (hf.md, 5.2), one float32 operation after the other. Pillow's
/// processors begin with float32(double(u8) * scale). torchvision's fold scale into mean and std, m =
/// float32(mean) * float32(1 / scale), s likewise, (float32(u8) - m) / s, where there is something to fold it
/// into and no shift is in between; else they begin with float32(u8) * float32(scale). A mean of 0 with a std
/// of 1 counts as nothing to fold it into.
void normalize_into(std::span<const pixels> images, const preparation& x, tensor_layout layout,
                    std::span<float> out);

} // namespace vef
