// Quick start 1: a vision embedding service of your own. Its model is a picture's mean colour.
#include <vef/supervisor/runtime.hpp>

#include <algorithm>
#include <cstdio>

namespace {

class mean_colour final : public vef::loaded_model {
public:
  vef::result<void> embed(std::span<const vef::pixels> images, vef::vector_rows rows,
                          const vef::embed_context&) override {
    for (std::size_t i = 0; i < images.size(); ++i) {
      std::ranges::fill(rows[i], 0.f);
      for (std::size_t k = 0; k < images[i].rgb.size(); ++k) rows[i][k % 3] += images[i].rgb[k];
      for (auto& x : rows[i]) x /= 255.f * static_cast<float>(images[i].rgb.size() / 3);
    }
    return {};
  }
  std::uint64_t memory_bytes() const override { return sizeof *this; }
};

class my_backend final : public vef::backend {
public:
  std::vector<vef::model_info> catalog() const override {
    return {{.id = "my-model-1",
             .name = "My Model 1",
             .description = "My custom vision model",
             .embed_dim = 3,
             .preprocess_size = 224,
             .memory_estimate = 1 << 10,
             .performance_rating = vef::rating::fast,
             .recommended_use = "general purpose"}};
  }
  vef::result<std::unique_ptr<vef::loaded_model>> load(const vef::model_info&,
                                                       const vef::load_context&) override {
    return std::make_unique<mean_colour>(); // its destructor unloads it
  }
};

} // namespace

int main(int argc, char** argv) {
  vef::runtime runtime;
  vef::or_throw(runtime.register_backend<my_backend>("my_vision_embedding",
                                                     {.description = "My custom vision embedding service",
                                                      .version = "1.0.0",
                                                      .author = "Your Name",
                                                      .tags = {"vision", "embedding", "custom"}}));
  auto service = vef::or_throw(runtime.create({.name = "my_vision_embedding_service",
                                               .backend = "my_vision_embedding",
                                               .startup_priority = 5,
                                               .health_check_interval = std::chrono::seconds{60}}));
  for (const auto& row : service.embed({argv + 1, argv + argc}))
    if (row)
      std::printf("mean colour %.2f %.2f %.2f\n", row.vector()[0], row.vector()[1], row.vector()[2]);
    else
      std::printf("%s\n", vef::describe(row.error()).c_str());
}
