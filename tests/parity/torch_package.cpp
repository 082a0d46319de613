#include "torch_models.hpp"

#include <cstdlib>

using namespace vef;
using namespace vef::test;

TEST_CASE("an empty or missing package is a clear error") {
  model_folder here;
  auto file = here.write("net.pt2", "");
  auto made = torch_with(here.describe("net.pt2", "{ dim = 256 }"));
  auto empty = made->load(made->catalog().at(0), {2});
  REQUIRE_FALSE(empty);
  CHECK(empty.error().code == errc::load_failed);
  CHECK(empty.error().what.find('\n') == std::string::npos);

  std::filesystem::remove(file);
  auto missing = made->load(made->catalog().at(0), {2});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == errc::load_failed);
}

// VEF_TEST_PT2 names the description of a package that was made on this machine, for any number of pictures.
TEST_CASE("a package embeds a batch as it embeds its pictures alone") {
  auto named = std::getenv("VEF_TEST_PT2");
  if (!named) {
    report_skipped("VEF_TEST_PT2 names no description of a package");
    return;
  }
  auto made = torch_with(named);
  auto info = made->catalog().at(0);
  auto model = load_first(*made);
  CHECK(model->memory_bytes() > 0);
  auto size = prepared_size(info.prepare);
  REQUIRE(size[0] == size[1]);
  auto pictures = noise(8, size[0]);
  rows together{8, info.embed_dim}, alone{8, info.embed_dim};
  REQUIRE(model->embed(pictures, together.spans(), {2}));
  for (std::size_t i = 0; i < 8; ++i) {
    REQUIRE(model->embed(std::span{pictures}.subspan(i, 1), alone.spans().subspan(i, 1), {1}));
    CHECK(relative_difference(together[i], alone[i], info.embed_dim) < 1e-5);
  }
  CHECK(relative_difference(together[0], together[1], info.embed_dim) > 1e-5);
}
