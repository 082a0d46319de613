#pragma once

#include <vef/backends/transformers/safetensors.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vef::test {

/// A safetensors file of a header, right or wrong, and data.
inline std::string safetensors_file(std::string_view header, std::string_view data = {}) {
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> 8 * i & 0xff);
  return out.append(header).append(data);
}

/// The text of an entry of a header: `shape` and `offsets` as in JSON.
inline std::string entry(std::string_view name, std::string_view type, std::string_view shape,
                         std::string_view offsets) {
  std::string out = "\"";
  out.append(name).append("\":{\"dtype\":\"").append(type).append("\",\"shape\":").append(shape);
  return out.append(",\"data_offsets\":").append(offsets).append("}");
}

struct made_tensor {
  std::string name; ///< without what JSON must escape
  std::string type; ///< as in the file: "F32"
  std::vector<std::int64_t> shape;
  std::string data; ///< as many bytes as the shape asks for
};

/// A file of these tensors, their data in this order.
inline std::string safetensors_file(const std::vector<made_tensor>& tensors) {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}", data;
  for (const auto& x : tensors) {
    std::string shape = "[";
    for (auto side : x.shape) shape += (shape.size() > 1 ? "," : "") + std::to_string(side);
    auto begin = std::to_string(data.size()), end = std::to_string(data.size() + x.data.size());
    header += "," + entry(x.name, x.type, shape + "]", "[" + begin + "," + end + "]");
    data += x.data;
  }
  header += "}";
  header.append((8 - header.size() % 8) % 8, ' ');
  return safetensors_file(header, data);
}

/// The rule that a directory breaks, empty if it keeps them all: each tensor has the bytes that its shape and
/// type ask for, and in their order they cover the file from the data's begin to its end.
inline std::string broken_rule(const tensor_directory& x, std::uint64_t file_size) {
  if (x.data_begin < 8 || x.data_begin > file_size) return "the data begins within the file";
  auto reached = x.data_begin;
  for (const auto& tensor : x.tensors) {
    if (tensor.begin != reached) return "a tensor begins where the one before it ends";
    if (tensor.end < tensor.begin || tensor.end > file_size) return "a tensor ends within the file";
    std::uint64_t size = size_of(tensor.type);
    for (auto side : tensor.shape) {
      if (side < 0) return "no side is negative";
      if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(side), &size)) return "no size overflows";
    }
    if (tensor.shape.size() > 8) return "a tensor has at most 8 dimensions";
    if (tensor.end - tensor.begin != size) return "a tensor has the bytes of its shape";
    reached = tensor.end;
  }
  return reached == file_size ? "" : "the last tensor ends where the file does";
}

/// Reads a file that lies in memory of just its size, so that a sanitizer sees what is read beyond it.
inline result<tensor_directory> read_copy(std::string_view file, const std::string& name = "a.safetensors") {
  std::vector<char> copy(file.begin(), file.end());
  return read_safetensors(std::as_bytes(std::span{copy}), name);
}

} // namespace vef::test
