#pragma once

#include <vef/messages/errors.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vef {

/// What the elements of a stored tensor are. Little-endian; `boolean` is a byte.
enum class dtype : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

/// A type's names, and the size of an element in bytes.
struct dtype_facts {
  std::string_view name;
  std::string_view stored_name; ///< in a safetensors file
  std::size_t size;
};

/// In the order of `dtype`.
inline constexpr std::array<dtype_facts, 13> all_dtypes{{
    {"float64", "F64", 8},
    {"float32", "F32", 4},
    {"float16", "F16", 2},
    {"bfloat16", "BF16", 2},
    {"int64", "I64", 8},
    {"int32", "I32", 4},
    {"int16", "I16", 2},
    {"int8", "I8", 1},
    {"uint64", "U64", 8},
    {"uint32", "U32", 4},
    {"uint16", "U16", 2},
    {"uint8", "U8", 1},
    {"bool", "BOOL", 1},
}};
static_assert(all_dtypes.size() == static_cast<std::size_t>(dtype::boolean) + 1);

/// "float32"
constexpr std::string_view to_string(dtype x) noexcept {
  return all_dtypes[static_cast<std::size_t>(x)].name;
}

/// Bytes of an element.
constexpr std::size_t size_of(dtype x) noexcept { return all_dtypes[static_cast<std::size_t>(x)].size; }

/// A tensor's place in a file. Its elements lie in C order; nothing says that they are aligned.
struct stored_tensor {
  std::string name = {};
  dtype type = dtype::f32;
  std::vector<std::int64_t> shape = {}; ///< none: a single element
  std::uint64_t begin = 0;              ///< from the begin of the file, in bytes
  std::uint64_t end = 0;                ///< the byte after the last one
};

struct tensor_directory {
  std::uint64_t data_begin = 0;            ///< the byte after the header
  std::vector<stored_tensor> tensors = {}; ///< in the order of their data, which they cover without a gap
};

/// Reads the header of a safetensors file (https://github.com/huggingface/safetensors, "Format") of which
/// `file` is the whole content, and holds it against the format's rules: a file that passes has for each
/// tensor the bytes that it says, each byte of the data in one tensor. Stricter than the format's own library
/// in that a name may come only once, and a tensor has at most 8 dimensions. The data itself is not touched;
/// memory is used in proportion to the header.
///
/// Errors: corrupt_model, unsupported_model for a type of elements that is not in `dtype`, out_of_memory;
/// they name the file, as `name_of_file`, and the tensor. No exception leaves it.
result<tensor_directory> read_safetensors(std::span<const std::byte> file,
                                          const std::string& name_of_file) noexcept;

} // namespace vef
