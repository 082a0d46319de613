#pragma once

#include "support/skip.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace vef::test {

inline std::filesystem::path golden_dir() { return shared_dir() / "golden"; }

/// Folders of shared golden data that hold a checkpoint.
inline std::vector<std::string> golden_checkpoints() {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& x : std::filesystem::directory_iterator{golden_dir(), error})
    if (std::filesystem::exists(x.path() / "config.json")) out.push_back(x.path().filename().string());
  std::ranges::sort(out);
  return out;
}

} // namespace vef::test
