#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace vef {

/// Length of the head that `npy_header` makes. The same for every shape, so that it can be written again in
/// place once the number of rows is known.
inline constexpr std::size_t npy_header_size = 128;

/// The head of an .npy file of version 1.0: rows x dim float32 numbers, little-endian, in C order.
std::string npy_header(std::uint64_t rows, std::uint64_t dim);

/// Where the numbers of an .npy file are.
struct npy_layout {
  std::uint64_t rows = 0;
  std::uint64_t dim = 0;
  std::size_t offset = 0; ///< of the first number
};

/// Reads the head of a file with two-dimensional float32 numbers in C order, of version 1.0 or 2.0, whoever
/// wrote it. `start` is the file's beginning, at least 10 bytes beyond the head if it is that long; `name` is
/// for messages. Errors: invalid_config for every other file.
result<npy_layout> read_npy_header(std::string_view start, std::string_view name);

} // namespace vef
