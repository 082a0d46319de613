#pragma once

#include <vef/apps/command.hpp>

#include <cstdint>

namespace vef {

struct embed_options {
  std::vector<std::string> paths;
  std::string out = "embeddings.npy"; ///< or "-": lines of JSON on standard output
  std::string model;
  std::string variant = "default";
  std::uint32_t batch = 0; ///< 0: as the model prefers
  bool resume = false;
  bool restart = false;
};

/// `vef embed`: turns the pictures among some paths into vectors in a file.
exit_code embed_command(const embed_options& options, const common_options& common, console& out);

} // namespace vef
