#pragma once

#include <vef/backends/descriptor.hpp>
#include <vef/messages/errors.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace vef {

/// "cannot WHAT 'path': why" of an errno; a full disk or quota is disk_full, else cannot_write.
error cannot_write(const std::string& what, const std::filesystem::path& path, int reason);

/// Writes all of it; the errno of the call that failed, 0 if none did.
int write_all(int file, std::span<const std::uint8_t> bytes);

/// Makes a folder and those above it.
result<void> make_folders(const std::filesystem::path& folder);

/// Eight random digits 0-9 a-f.
std::string eight_digits();

/// The content of a regular file of at most `limit` bytes; nothing where there is none or it can't be read.
std::optional<std::string> read_small_file(const std::filesystem::path& path, std::size_t limit);

/// Gives a folder's names to the disk, where the file system can.
void sync_names(const std::filesystem::path& folder);

} // namespace vef
