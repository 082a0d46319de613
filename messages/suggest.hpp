#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vef {

/// The candidate nearest to `word` by edit distance (case ignored), or an empty string where none is near:
/// more than a third of the word's letters would have to change.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "unknown model 'dinov'; did you mean 'dinov2'?", or without the question where nothing is near; where
/// there is nothing at all to choose from it says so.
std::string unknown(std::string_view kind, std::string_view word, std::span<const std::string> candidates);

} // namespace vef
