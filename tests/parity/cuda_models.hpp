#pragma once

#include "parity/cuda_device.hpp"
#include "parity/transformers_models.hpp"
#include "support/recipe.hpp"
#include "support/scratch.hpp"

namespace vef::test {

inline const std::string gpu = "cuda:0";

/// The checkpoints of a folder on a device.
inline std::unique_ptr<backend>
transformers_on(const std::string& device, const std::filesystem::path& folder, backend_settings more = {}) {
  more.insert({"device", device});
  auto made = make_transformers(folder, std::move(more));
  if (!made) throw std::runtime_error(made.error().what);
  return std::move(*made);
}

/// The vectors of pictures, one after the other.
inline std::vector<float> embed(loaded_model& model, const std::vector<pixels>& pictures, std::size_t dim) {
  rows out{pictures.size(), dim};
  auto done = model.embed(pictures, out.spans(), {.threads = 1});
  if (!done) throw std::runtime_error(done.error().what);
  return out.values();
}

/// The worst of some vectors beside others.
inline distance between(const std::vector<float>& got, const std::vector<float>& expected, std::size_t dim) {
  distance sum;
  for (std::size_t i = 0; i < got.size(); i += dim) sum.add(got.data() + i, expected.data() + i, dim);
  return sum;
}

inline std::uint64_t bytes_on(const std::string& device, const std::vector<device_bytes>& x) {
  std::uint64_t sum = 0;
  for (const auto& y : x) sum += y.device == device ? y.bytes : 0;
  return sum;
}

/// What its only device says.
inline device_reading reading(backend& x) {
  auto all = x.devices();
  REQUIRE(all.size() == 1);
  return all.front();
}

/// The full-size CLIP ViT-B/32, and photographs prepared for it.
struct full_size {
  scratch made;
  std::filesystem::path source = golden_dir() / "full/clip-vit-base-patch32";
  std::filesystem::path folder = make_full_checkpoint(source, made.folder() / "clip");
  std::vector<pixels> pictures;
  std::vector<float> expected;
  std::size_t dim = 0;

  full_size() {
    auto info = transformers_on("cpu", folder)->catalog().at(0);
    auto index = read_json_file(source / "expected/index.json");
    for (const auto& row : index.at("rows")) {
      auto x = prepare(image{(golden_dir() / "images" / row.at("image").get<std::string>()).string()},
                       info.prepare);
      if (!x) throw std::runtime_error(x.error().what);
      pictures.push_back(std::move(*x));
    }
    auto usual = "embeddings." + index.at("default_embedding").get<std::string>();
    auto recorded =
        read_npy<float>(source / "expected" / index.at("files").at(usual).at("file").get<std::string>());
    dim = recorded.row_size();
    expected = recorded.values;
  }
};

} // namespace vef::test
