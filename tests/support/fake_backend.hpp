#pragma once

#include <vef/backends/backend.hpp>
#include <vef/messages/image.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace vef::test {

/// What a test looks at and changes while a fake backend is in use. Shared by the backend and its models.
struct fake_control {
  std::vector<model_info> catalog;
  std::uint64_t bytes = 1000; ///< that a loaded model without a ladder says it holds
  std::function<result<void>()> on_load = [] { return result<void>{}; };
  std::function<result<void>(std::span<const pixels>)> on_embed = [](std::span<const pixels>) {
    return result<void>{};
  };
  std::function<result<void>()> on_check = [] { return result<void>{}; };
  std::function<result<void>(tier)> on_move = [](tier) { return result<void>{}; };
  bool moves_while_embedding = false;
  std::optional<std::vector<model_info>> changed_catalog; ///< told once, by the next check
  std::uint64_t working = 0; ///< bytes that each picture of a pass takes, and that are kept afterwards
  std::uint64_t extra_on_device = 0;   ///< bytes that a model on a device holds beyond its ladder
  std::vector<device_reading> devices; ///< that the backend tells of

  std::atomic<int> loads = 0;
  std::atomic<int> alive = 0;       ///< models in memory
  std::vector<std::size_t> batches; ///< the sizes of the forward passes so far
  std::vector<tier> moves;          ///< to these tiers
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

/// The same with a ladder of 1000 bytes a tier: it waits on the host and works on a device.
inline model_info fake_device_model(std::string id = "fake") {
  auto x = fake_model(std::move(id));
  x.tiers = {{tier::host, "host", 1000, false}, {tier::device, "gpu:0", 1000, true}};
  return x;
}

class fake_loaded_model final : public loaded_model {
public:
  fake_loaded_model(std::shared_ptr<fake_control> control, model_info info, vef::tier where)
      : control_(std::move(control))
      , info_(std::move(info))
      , tier_(where) {
    ++control_->alive;
  }
  ~fake_loaded_model() override { --control_->alive; }

  result<void> embed(std::span<const pixels> images, vector_rows rows,
                     const embed_context& context) override {
    control_->batches.push_back(images.size());
    if (auto good = control_->on_embed(images); !good) return good;
    if (context.working) *context.working = control_->working * images.size();
    kept_ = std::max(kept_, control_->working * images.size());
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

  model_memory memory() const override {
    model_memory out{{{"host", control_->bytes}}, {}};
    if (!info_.tiers.empty()) out.weights.clear();
    std::string device = "host";
    for (const auto& line : info_.tiers)
      if (line.tier == tier_) out.weights.push_back({device = line.device, line.bytes});
    if (tier_ == tier::device && control_->extra_on_device > 0)
      out.weights.push_back({device, control_->extra_on_device});
    if (kept_ > 0) out.working.push_back({device, kept_});
    return out;
  }

  void limit_working(std::uint64_t bytes) override { kept_ = std::min(kept_, bytes); }
  vef::tier tier() const override { return tier_; }

  result<void> move_to(const load_context& to) override {
    control_->moves.push_back(to.tier);
    if (auto good = control_->on_move(to.tier); !good) return good;
    tier_ = to.tier;
    return {};
  }

  bool moves_while_embedding() const override { return control_->moves_while_embedding; }

private:
  std::shared_ptr<fake_control> control_;
  model_info info_;
  vef::tier tier_;
  std::uint64_t kept_ = 0;
};

class fake_backend final : public backend {
public:
  explicit fake_backend(std::shared_ptr<fake_control> control)
      : control_(std::move(control)) {}

  std::vector<model_info> catalog() const override { return control_->catalog; }

  result<std::unique_ptr<loaded_model>> load(const model_info& info, const load_context& context) override {
    ++control_->loads;
    if (auto good = control_->on_load(); !good) return fail(good.error());
    return std::make_unique<fake_loaded_model>(control_, info, context.tier);
  }

  std::optional<std::vector<model_info>> changed_catalog() override {
    return std::exchange(control_->changed_catalog, std::nullopt);
  }

  result<void> check() override { return control_->on_check(); }

  std::vector<device_reading> devices() override { return control_->devices; }

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
