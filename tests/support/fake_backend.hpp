#pragma once

#include <vef/backends/backend.hpp>
#include <vef/messages/image.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>

namespace vef::test {

/// What a test looks at and changes while a fake backend is in use. Shared by the backend and its models.
struct fake_control {
  std::vector<model_info> catalog;
  std::uint64_t bytes = 1000; ///< that a loaded model says it holds
  std::function<result<void>()> on_load = [] { return result<void>{}; };
  std::function<result<void>(std::span<const pixels>)> on_embed = [](std::span<const pixels>) {
    return result<void>{};
  };

  std::atomic<int> loads = 0;
  std::atomic<int> alive = 0;       ///< models in memory
  std::vector<std::size_t> batches; ///< the sizes of the forward passes so far
};

/// A model of one size of picture whose vectors tell what they were made from: the first numbers are the mean
/// of red, green and blue.
inline model_info fake_model(std::string id = "fake", std::uint32_t batch_size = 4) {
  model_info x{.id = id, .name = id};
  x.embed_dim = 3;
  x.preprocess_size = 2;
  x.memory_estimate = 1000;
  x.batch_size = batch_size;
  x.prepare.width = x.prepare.height = 2;
  x.prepare.filter = interpolation::nearest;
  return x;
}

class fake_loaded_model final : public loaded_model {
public:
  explicit fake_loaded_model(std::shared_ptr<fake_control> control)
      : control_(std::move(control)) {
    ++control_->alive;
  }
  ~fake_loaded_model() override { --control_->alive; }

  result<void> embed(std::span<const pixels> images, vector_rows rows, const embed_context&) override {
    control_->batches.push_back(images.size());
    if (auto good = control_->on_embed(images); !good) return good;
    for (std::size_t i = 0; i < images.size(); ++i) {
      for (std::size_t c = 0; c < 3; ++c) {
        float sum = 0;
        for (std::size_t p = c; p < images[i].rgb.size(); p += 3) sum += images[i].rgb[p];
        rows[i][c] = sum / static_cast<float>(images[i].rgb.size() / 3);
      }
    }
    return {};
  }

  std::uint64_t memory_bytes() const override { return control_->bytes; }

private:
  std::shared_ptr<fake_control> control_;
};

class fake_backend final : public backend {
public:
  explicit fake_backend(std::shared_ptr<fake_control> control)
      : control_(std::move(control)) {}

  std::vector<model_info> catalog() const override { return control_->catalog; }

  result<std::unique_ptr<loaded_model>> load(const model_info&, const load_context&) override {
    ++control_->loads;
    if (auto good = control_->on_load(); !good) return fail(good.error());
    return std::make_unique<fake_loaded_model>(control_);
  }

private:
  std::shared_ptr<fake_control> control_;
};

/// A picture of one colour, whose fake vector is that colour.
inline image plain(std::uint8_t r, std::uint8_t g, std::uint8_t b, std::uint32_t side = 2) {
  std::vector<std::uint8_t> rgb;
  for (std::uint32_t i = 0; i < side * side; ++i) rgb.insert(rgb.end(), {r, g, b});
  return image::rgb(shared_bytes{std::move(rgb)}, side, side, "plain");
}

/// A picture that can't be prepared.
inline image broken() { return image::encoded(shared_bytes{{1, 2, 3}}, "broken"); }

} // namespace vef::test
