#pragma once

#include <vef/apps/similarity.hpp>

#include <string>

namespace vef {

/// Picks at most n rows to show: those with the closest neighbours, and of each scene only one. A scene is a
/// row and its neighbours that are nearly as similar to it as the closest. Best first.
std::vector<std::size_t> closest_scenes(const std::vector<std::vector<match>>& neighbours, std::size_t n);

/// The folder that all paths are in, with a slash at its end; empty if there is none.
std::string common_folder(const std::vector<std::string>& paths);

} // namespace vef
