#pragma once

#include <vef/backends/transformers/checkpoint.hpp>

#include "support/golden.hpp"
#include "support/scratch.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace vef::test {

inline void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::remove(file);
  std::ofstream{file, std::ios::binary} << text;
}

/// A copy of a recorded checkpoint to break: its files, but none of what is expected of it.
class copied_checkpoint {
public:
  explicit copied_checkpoint(const std::string& name) {
    for (const auto& x : std::filesystem::directory_iterator{golden_dir() / name})
      if (x.is_regular_file()) std::filesystem::copy_file(x.path(), folder_.folder() / x.path().filename());
  }

  const std::filesystem::path& path() const { return folder_.folder(); }

  nlohmann::json config(const std::string& file = "config.json") const {
    return nlohmann::json::parse(content_of(path() / file));
  }
  void set_config(const nlohmann::json& x, const std::string& file = "config.json") const {
    write(path() / file, x.dump());
  }

  /// The first file of weights.
  std::filesystem::path weights() const {
    for (auto name : {"model.safetensors", "model-00001-of-00003.safetensors"})
      if (std::filesystem::exists(path() / name)) return path() / name;
    return {};
  }

  /// Changes the header of the first file of weights; the data stays.
  void change_header(const std::function<void(nlohmann::json&)>& change) const {
    auto file = content_of(weights());
    std::uint64_t size = 0;
    std::memcpy(&size, file.data(), 8);
    auto header = nlohmann::json::parse(file.substr(8, size));
    change(header);
    auto text = header.dump();
    size = text.size();
    std::string out(8, '\0');
    std::memcpy(out.data(), &size, 8);
    write(weights(), out + text + file.substr(8 + file_header_size(file)));
  }

  result<checkpoint> open(const checkpoint_options& options = {}) const {
    return open_checkpoint({"broken", path(), {}}, builtin_families(), options);
  }

private:
  static std::uint64_t file_header_size(const std::string& file) {
    std::uint64_t size = 0;
    std::memcpy(&size, file.data(), 8);
    return size;
  }

  scratch folder_;
};

inline bool says(const result<checkpoint>& x, const std::string& text) {
  return !x && x.error().what.find(text) != std::string::npos;
}

} // namespace vef::test
