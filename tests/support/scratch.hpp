#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vef::test {

/// A folder of a test's own, gone at its end.
class scratch {
public:
  scratch() {
    auto name = (std::filesystem::temp_directory_path() / "vef-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make a folder for the test");
    folder_ = std::filesystem::canonical(name);
  }
  ~scratch() {
    std::error_code none;
    std::filesystem::remove_all(folder_, none);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  std::string operator/(std::string_view name) const { return (folder_ / name).string(); }

  /// Makes a file, and the folders that it is in.
  std::string put(std::string_view name, std::string_view content = "x") const {
    auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << content;
    return path.string();
  }

private:
  std::filesystem::path folder_;
};

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

} // namespace vef::test
