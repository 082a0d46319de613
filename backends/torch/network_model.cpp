#include <vef/backends/torch/network_model.hpp>

namespace vef {

namespace {

class network_model final : public loaded_model {
public:
  network_model(network_facts facts, std::unique_ptr<network> net)
      : facts_(std::move(facts))
      , network_(std::move(net)) {}

  result<void> embed(std::span<const pixels> images, vector_rows rows,
                     const embed_context& context) override {
    if (images.empty()) return {};
    if (auto ok = check(images, rows); !ok) return ok;
    auto write = [&](std::span<float> input) {
      normalize_into(images, facts_.prepare, facts_.layout, input);
    };
    auto done = network_->forward(write, rows, context);
    if (done) return done;
    return fail(done.error().code, "cannot embed " + std::to_string(images.size()) + " pictures with "
                                       + vef::quoted(facts_.id) + ": " + done.error().what);
  }

  std::uint64_t memory_bytes() const override {
    std::uint64_t sum = 0;
    auto held = memory();
    for (const auto* part : {&held.weights, &held.working}) {
      for (const auto& x : *part) sum += x.device == "host" ? x.bytes : 0;
    }
    return sum;
  }

  result<void> move_to(const load_context& to) override {
    auto done = network_->move_to(to);
    if (done) return done;
    return fail(done.error().code, "cannot move " + vef::quoted(facts_.id) + " to the tier "
                                       + std::string{to_string(to.tier)} + ": " + done.error().what);
  }

  void limit_working(std::uint64_t bytes) override { network_->limit_working(bytes); }
  model_memory memory() const override { return network_->memory(); }
  vef::tier tier() const override { return network_->tier(); }
  unsigned concurrency() const override { return network_->concurrency(); }
  bool moves_while_embedding() const override { return network_->moves_while_embedding(); }

private:
  result<void> check(std::span<const pixels> images, vector_rows rows) const {
    const auto& x = facts_;
    if (images.size() != rows.size()) return fail(errc::invalid_argument, "not as many rows as pictures");
    for (std::size_t i = 0; i < images.size(); ++i) {
      if (images[i].width != x.width || images[i].height != x.height)
        return fail(errc::invalid_argument,
                    "picture " + std::to_string(i) + " is " + std::to_string(images[i].width) + "x"
                        + std::to_string(images[i].height) + ", where " + vef::quoted(x.id) + " takes "
                        + std::to_string(x.width) + "x" + std::to_string(x.height));
      if (rows[i].size() != x.dim)
        return fail(errc::invalid_argument, "row " + std::to_string(i) + " has room for "
                                                + std::to_string(rows[i].size()) + " numbers, where "
                                                + vef::quoted(x.id) + " gives " + std::to_string(x.dim));
    }
    return {};
  }

  network_facts facts_;
  std::unique_ptr<network> network_;
};

} // namespace

std::unique_ptr<loaded_model> make_network_model(network_facts facts, std::unique_ptr<network> net) {
  return std::make_unique<network_model>(std::move(facts), std::move(net));
}

} // namespace vef
