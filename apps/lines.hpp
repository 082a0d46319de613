#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vef {

/// A line of OUT.jsonl: what became of one input.
struct outcome_line {
  std::string path; ///< the bytes of the file's name
  std::optional<std::uint64_t> row;
  error problem;
};

/// {"path": ..., "row": 7}, or {"path": ..., "error": "corrupt_image", "message": ...}. JSON is UTF-8 and
/// file names may be anything: where a path is not UTF-8 it has U+FFFD for the bytes that are not, and
/// "path_hex" has all of its bytes.
std::string line_of(const std::string& path, std::uint64_t row);
std::string line_of(const std::string& path, const error& problem);

/// The same with the vector: {"path": ..., "row": 7, "vector": [...]}. Numbers are written so that reading
/// them as float32 gives the same bits; null stands for what is no number.
std::string line_of(const std::string& path, std::uint64_t row, std::span<const float> vector);

/// Reads a line that one of the above wrote; none for every other text.
std::optional<outcome_line> read_line(std::string_view line);

} // namespace vef
