#pragma once

#include "support/catch.hpp"

#include <vef/backends/descriptors/descriptors.hpp>
#include <vef/backends/image/prepare.hpp>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace vef::test {

using vectors = std::vector<std::vector<float>>;

inline std::unique_ptr<backend> make_descriptors() {
  backend_types types;
  add_descriptors_backend(types);
  return types.make("descriptors", {}).value();
}

/// A model of the backend and what its catalog says about it.
struct described_model {
  model_info info;
  std::unique_ptr<loaded_model> model;

  explicit described_model(const std::string& id) {
    auto made = make_descriptors();
    for (const auto& x : made->catalog())
      if (x.id == id) info = x;
    model = made->load(info, {}).value();
  }

  vectors embed(const std::vector<pixels>& prepared) const {
    vectors out(prepared.size(), std::vector<float>(info.embed_dim));
    std::vector<std::span<float>> rows{out.begin(), out.end()};
    auto done = model->embed(prepared, rows, {});
    if (!done) throw std::runtime_error(done.error().what);
    return out;
  }

  std::vector<float> describe(pixels picture) const {
    return embed({fit(std::move(picture), info.prepare).value()}).front();
  }
};

inline float cosine(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0f);
}

} // namespace vef::test
