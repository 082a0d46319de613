#pragma once

#include <vef/messages/errors.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vef {

/// One file to embed. A problem that was seen on the way takes the place of the picture.
struct input {
  std::string path; ///< any bytes
  error problem = {};
};

/// What the paths of a command line lead to.
struct inputs {
  std::vector<input> files; ///< in the order of the paths, and by name within a folder
  std::size_t folders = 0;
  std::size_t hidden = 0;   ///< files and folders passed over for the dot in front of their name
  std::size_t others = 0;   ///< files passed over because they are not named like pictures
  std::size_t repeated = 0; ///< files and folders that came up before
};

/// Follows paths into folders and their folders. A file that is named by itself is always taken; of those in
/// folders, the ones named like pictures are. Links are followed; a folder is entered once, so that loops of
/// links end. Missing paths and folders that can't be listed become inputs with a problem.
inputs walk(std::span<const std::string> paths);

/// Whether a file's name ends like a picture's: .jpg, .png, .webp, ...
bool named_like_picture(std::string_view name);

} // namespace vef
