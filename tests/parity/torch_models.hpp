#pragma once

#include <vef/backends/image/prepare.hpp>
#include <vef/backends/torch/library.hpp>
#include <vef/backends/torch/torch.hpp>

#include "support/npy.hpp"
#include "support/scratch.hpp"
#include "support/skip.hpp"

#include <cmath>
#include <fstream>
#include <optional>
#include <random>

#include <unistd.h>

namespace vef::test {

/// A real model, and where its recorded vectors are.
struct real_model {
  std::string id, folder, golden;
  std::uint32_t side = 224;

  std::filesystem::path folder_path() const { return shared_dir() / "data/models" / folder; }
  std::filesystem::path golden_path() const { return shared_dir() / "data/models" / golden / "golden"; }
};

inline const std::vector<real_model>& real_models() {
  static const std::vector<real_model> models{
      {"mobilenet-v2-torch", "mobilenet_v2_embed", "mobilenet_v2_1.0_224"},
      {"squeezenet1-0-pt", "squeezenet1_0", "squeezenet1_0", 227},
      {"mobilenet-v1-025-pt", "mobilenet_v1_025_224", "mobilenet_v1_025_224"},
  };
  return models;
}

inline const real_model& smallest_model() { return real_models().back(); }

/// The backend with the models that a setting names.
inline result<std::unique_ptr<backend>> make_torch(const std::filesystem::path& models,
                                                   const std::string& device = "cpu",
                                                   backend_settings more = {}) {
  backend_types types;
  add_torch_backend(types);
  more.insert({{"models", models.string()}, {"device", device}});
  return types.make("torch", more);
}

inline std::unique_ptr<backend> torch_with(const std::filesystem::path& models,
                                           const std::string& device = "cpu", backend_settings more = {}) {
  auto made = make_torch(models, device, std::move(more));
  if (!made) throw std::runtime_error(made.error().what);
  return std::move(*made);
}

/// The first model, in the tier from which it serves unless told.
inline std::unique_ptr<loaded_model> load_first(backend& from, unsigned threads = 2,
                                                std::optional<tier> where = {}) {
  auto info = from.catalog().at(0);
  auto model = from.load(info, {threads, where.value_or(info.tiers.back().tier)});
  if (!model) throw std::runtime_error(model.error().what);
  return std::move(*model);
}

/// Rows of numbers, and the spans into them that a pass fills.
class rows {
public:
  rows(std::size_t count, std::size_t dim)
      : dim_(dim)
      , values_(count * dim, std::nanf("")) {
    for (std::size_t i = 0; i < count; ++i) spans_.emplace_back(values_.data() + i * dim, dim);
  }
  vector_rows spans() { return spans_; }
  const float* operator[](std::size_t i) const { return values_.data() + i * dim_; }
  const std::vector<float>& values() const { return values_; }

private:
  std::size_t dim_;
  std::vector<float> values_;
  std::vector<std::span<float>> spans_;
};

/// The largest difference of two vectors, as a part of the largest value.
inline double relative_difference(const float* a, const float* b, std::size_t dim) {
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < dim; ++i) {
    auto d = std::fabs(static_cast<double>(a[i]) - b[i]);
    if (!(d <= difference)) difference = d; // NaN counts as a difference
    largest = std::max(largest, std::fabs(static_cast<double>(b[i])));
  }
  return difference / largest;
}

/// 1 - cosine.
inline double angle(const float* a, const float* b, std::size_t dim) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < dim; ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return 1 - ab / std::sqrt(aa * bb);
}

/// Pictures of noise, the same ones every time.
inline std::vector<pixels> noise(std::size_t count, std::uint32_t side) {
  std::mt19937 random{7};
  std::vector<pixels> out(count);
  for (auto& x : out) {
    x.width = x.height = side;
    x.rgb.resize(std::size_t{3} * side * side);
    for (auto& byte : x.rgb) byte = static_cast<std::uint8_t>(random());
  }
  return out;
}

/// A folder for one test case, with a description that names a model file in it or elsewhere.
class model_folder {
public:
  model_folder()
      : path_(std::filesystem::temp_directory_path()
              / ("vef-parity-" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directories(path_);
  }
  ~model_folder() { std::filesystem::remove_all(path_); }
  model_folder(const model_folder&) = delete;
  model_folder& operator=(const model_folder&) = delete;

  std::filesystem::path write(const std::string& name, const std::string& content) const {
    std::ofstream{path_ / name, std::ios::binary} << content;
    return path_ / name;
  }

  /// The description of a network of 224 x 224 pictures.
  std::filesystem::path describe(const std::string& file, const std::string& output,
                                 const std::string& more = "") const {
    return write("model.toml", "id = \"x\"\nfile = \"" + file + R"("
input = { size = [224, 224] }
resize = { size = [224, 224], interpolation = "bilinear" }
scale = 0.00392156862745098
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
output = )" + output + "\n" + more);
  }

  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

/// Field `index` of /proc/self/statm, in bytes: 0 is all of the address space, 1 what is resident.
inline std::uint64_t process_memory(int index) {
  std::ifstream in{"/proc/self/statm"};
  std::uint64_t pages = 0;
  for (int i = 0; i <= index; ++i) in >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

} // namespace vef::test
