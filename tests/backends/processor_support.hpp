#pragma once

#include "support/catch.hpp"

#include <vef/backends/transformers/processor.hpp>

#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

namespace vef::test {

inline constexpr auto pillow = arithmetic::pillow, torchvision = arithmetic::torchvision;

/// A folder that is gone with the test.
class processor_folder {
public:
  processor_folder() {
    auto name = (std::filesystem::temp_directory_path() / "vef-processor-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  processor_folder(const processor_folder&) = delete;
  processor_folder& operator=(const processor_folder&) = delete;
  ~processor_folder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream{path_ / name, std::ios::binary} << content;
    return (path_ / name).string();
  }

private:
  std::filesystem::path path_;
};

inline result<preparation> read(const std::string& json, std::string_view model_type = "",
                                arithmetic whose = pillow) {
  processor_folder here;
  here.write("preprocessor_config.json", json);
  auto settings = read_processor_file(here.path());
  REQUIRE(settings);
  return read_processor(*settings, model_type, whose);
}

/// The settings of a processor, `rest` of them beside its type.
inline std::string of(const std::string& type, const std::string& rest = "") {
  return R"({"image_processor_type": ")" + type + "ImageProcessor\"" + (rest.empty() ? "" : ", ") + rest
         + "}";
}

inline preparation good(const std::string& json, std::string_view model_type = "",
                        arithmetic whose = pillow) {
  auto x = read(json, model_type, whose);
  INFO(json << ": " << (x ? "" : x.error().what));
  REQUIRE(x);
  REQUIRE(validate(*x));
  CHECK(x->arithmetic == whose);
  CHECK(x->channels == channel_order::rgb);
  CHECK(x->antialias);
  return *x;
}

/// What is said of bad settings, behind the name of the file.
inline std::string complaint(const std::string& json, std::string_view model_type = "",
                             arithmetic whose = pillow) {
  auto x = read(json, model_type, whose);
  INFO(json);
  REQUIRE_FALSE(x);
  CHECK(x.error().code == errc::invalid_config);
  constexpr std::string_view file = "/preprocessor_config.json: ";
  auto end = x.error().what.find(file);
  REQUIRE(end != std::string::npos);
  return x.error().what.substr(end + file.size());
}

} // namespace vef::test
