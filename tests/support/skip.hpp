#pragma once

#include "support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

namespace vef::test {

extern bool something_was_skipped;

inline void report_skipped(const std::string& why) {
  something_was_skipped = true;
  std::cerr << "SKIPPED: " << Catch::getResultCapture().getCurrentTestName() << ": " << why << '\n';
}

/// The folder of real weights, pictures and reference vectors that may lie beside the checkout.
inline std::filesystem::path shared_dir() {
  if (auto named = std::getenv("VEF_SHARED")) return named;
  return VEF_SHARED_DIR;
}

} // namespace vef::test

/// Ends the test case as skipped, by name, unless the file or folder exists.
#define VEF_NEEDS(file)                                                                                      \
  if (!std::filesystem::exists(file)) {                                                                      \
    ::vef::test::report_skipped("needs " + std::filesystem::path(file).string());                            \
    return;                                                                                                  \
  }
