#pragma once

#include <vef/backends/pixels.hpp>

#include <functional>
#include <string>
#include <vector>

namespace vef::test {

/// A way in which a copy of a photograph comes to differ from it.
struct change {
  std::string kind;   ///< "resized"
  std::string degree; ///< "to 32 pixels"
  std::function<pixels(const pixels&)> make;
};

/// From mild to so severe that a perceptual hash fails on some of the copies of every kind.
std::vector<change> changes();

} // namespace vef::test
