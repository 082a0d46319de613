#pragma once

#include <vef/messages/errors.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace vef {

/// The content of a regular file of at most `max_bytes`. Anything else, a FIFO or a device, is not even
/// opened, for that alone may block or wind a tape.
result<std::vector<std::uint8_t>> read_picture_file(const std::string& path, std::uint64_t max_bytes);

/// Writes a file beside `path` and renames it, so that a reader sees the old content or all of the new.
/// Errors: cannot_write, disk_full.
result<void> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> content);

} // namespace vef
