#pragma once

#include <vef/backends/backend.hpp>
#include <vef/backends/descriptor.hpp>
#include <vef/messages/image.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <ctime>
#include <fcntl.h>

namespace vef::bench {

/// What a picture costs at a node that only pretends. Nothing at all: then any number of passes run at once.
/// Else one after the other.
struct picture_cost {
  std::chrono::microseconds computes{}; ///< of a core's time
  std::chrono::microseconds waits{};    ///< as for a device that is elsewhere
};

/// Offers "small" (8 x 8 pixels) and "large" (448 x 448). A vector begins with the number of its picture, see
/// `numbered_picture`, and that of the node.
class pretending_backend final : public backend {
public:
  /// In `journal`, if any, are the numbers of the pictures that were begun, 4 bytes each. Each pass writes
  /// them at once, so that they are there when the process is killed.
  pretending_backend(picture_cost cost, unsigned node, const std::filesystem::path& journal)
      : shared_(std::make_shared<shared>(
          cost, static_cast<float>(node),
          descriptor{journal.empty()
                         ? -1
                         : ::open(journal.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)})) {}

  std::vector<model_info> catalog() const override { return {info("small", 8), info("large", 448)}; }

  result<std::unique_ptr<loaded_model>> load(const model_info&, const load_context&) override {
    return std::make_unique<model>(shared_);
  }

private:
  struct shared {
    shared(picture_cost c, float n, descriptor j)
        : cost(c)
        , node(n)
        , journal(std::move(j)) {}
    picture_cost cost;
    float node;
    descriptor journal;
  };

  class model final : public loaded_model {
  public:
    explicit model(std::shared_ptr<const shared> x)
        : shared_(std::move(x)) {}

    result<void> embed(std::span<const pixels> images, vector_rows rows, const embed_context&) override {
      std::vector<std::uint32_t> numbers;
      for (const auto& x : images) numbers.push_back(x.rgb[0] + (x.rgb[1] << 8u) + (x.rgb[2] << 16u));
      if (shared_->journal && !write_down(numbers))
        return fail(errc::cannot_write, "the journal can't be written");
      compute(shared_->cost.computes * images.size());
      if (auto span = shared_->cost.waits * images.size(); span.count() > 0)
        std::this_thread::sleep_for(span);
      for (std::size_t i = 0; i < images.size(); ++i) {
        rows[i][0] = static_cast<float>(numbers[i]);
        rows[i][1] = shared_->node;
      }
      return {};
    }

    std::uint64_t memory_bytes() const override { return 1; }

    unsigned concurrency() const override {
      return shared_->cost.computes.count() + shared_->cost.waits.count() > 0 ? 1 : 64;
    }

  private:
    bool write_down(const std::vector<std::uint32_t>& numbers) const {
      auto bytes = numbers.size() * sizeof(std::uint32_t);
      return ::write(shared_->journal.number(), numbers.data(), bytes) == static_cast<ssize_t>(bytes);
    }

    // By the thread's own time, which stands still while others have the core.
    static void compute(std::chrono::nanoseconds span) {
      auto now = [] {
        timespec x{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &x);
        return std::chrono::seconds{x.tv_sec} + std::chrono::nanoseconds{x.tv_nsec};
      };
      for (auto end = now() + span; span.count() > 0 && now() < end;) {
      }
    }

    std::shared_ptr<const shared> shared_;
  };

  static model_info info(const std::string& id, std::uint32_t side) {
    model_info x{.id = id, .name = id};
    x.embed_dim = 512;
    x.memory_estimate = 1;
    x.prepare.width = x.prepare.height = side;
    return x;
  }

  std::shared_ptr<const shared> shared_;
};

/// A picture that needs no resizing: its first pixel is its number, below 2^24.
inline image numbered_picture(std::uint32_t number, std::uint32_t side) {
  std::vector<std::uint8_t> rgb(3 * side * side, 7);
  for (auto i : {0u, 1u, 2u}) rgb[i] = static_cast<std::uint8_t>(number >> 8 * i);
  return image::rgb(shared_bytes{std::move(rgb)}, side, side, "picture");
}

} // namespace vef::bench
