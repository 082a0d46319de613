#pragma once

#include <vef/messages/errors.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace vef {

// Files with secrets, which this user alone can read.

/// The error for a file or folder that can't be made, `reason` being an errno: "cannot make WHAT 'PATH':
/// REASON"; disk_full or cannot_write.
error unwritable(const std::string& what, const std::filesystem::path& path, int reason);

/// Makes a file, for this user alone; never over one that is there, nor through a link. Errors: cannot_write,
/// disk_full.
result<void> write_private(const std::filesystem::path& path, std::string_view text);

/// Makes a folder within `where`, for this user alone, with a name that nobody could know before. `what` it
/// is for, for the error: cannot_write, disk_full. The path is absolute.
result<std::filesystem::path> fresh_folder(const std::string& what, const std::filesystem::path& where);

} // namespace vef
