#pragma once

#include <vef/apps/command.hpp>

#include <cstdint>

namespace vef {

struct similar_options {
  std::string image;
  std::string in;
  std::string model; ///< empty: the one that `in` was made with
  std::size_t k = 5;
  std::string sheet; ///< a picture to draw; empty: none
  bool as_json = false;
};

struct neighbours_options {
  std::string in;
  std::size_t k = 3;
  std::size_t rows = 0; ///< show so many scenes, those with the closest matches; 0: every picture
  std::string sheet;
  bool as_json = false;
};

struct duplicates_options {
  std::string in;
  double threshold = 0.9; ///< with descriptors: copies are at 0.92 and more, other pictures at 0.75 and less
  bool as_json = false;
};

/// `vef similar`: the pictures of a file of vectors that are most like a new one.
exit_code similar_command(const similar_options& options, const common_options& common, console& out);

/// `vef neighbours`: what each picture of a file of vectors is most like.
exit_code neighbours_command(const neighbours_options& options, const common_options& common, console& out);

/// `vef duplicates`: groups of pictures that are nearly the same.
exit_code duplicates_command(const duplicates_options& options, const common_options& common, console& out);

} // namespace vef
