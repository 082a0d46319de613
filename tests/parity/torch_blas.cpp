// A program that has a BLAS of its own, as whoever links OpenCV has.
#include "parity/torch_models.hpp"

#include <atomic>
#include <iostream>

namespace {
std::atomic<bool> foreign_blas_used = false;
}

// The name and place that any BLAS gives its matrix product: what looks it up in the program finds this one.
extern "C" __attribute__((visibility("default"))) void sgemm_() { foreign_blas_used = true; }

using namespace vef;
using namespace vef::test;

TEST_CASE("the matrix products of LibTorch are its own though the program has others of the same name") {
  VEF_NEEDS(smallest_model().folder_path());
  std::cerr << std::flush; // the program holds a copy of the stream, as many do
  auto from = torch_with(real_models()[0].folder_path());
  auto model = load_first(*from);
  auto info = from->catalog().at(0);
  pixels grey{224, 224, std::vector<std::uint8_t>(224 * 224 * 3, 100)};
  std::vector<float> vector(info.embed_dim);
  std::span<float> row{vector};
  REQUIRE(model->embed({&grey, 1}, {&row, 1}, {1}));
  CHECK_FALSE(foreign_blas_used);
  CHECK(std::ranges::any_of(vector, [](float x) { return x != 0; }));
}
