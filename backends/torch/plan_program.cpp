#include <vef/backends/torch/accelerator.hpp>
#include <vef/backends/torch/pieces.hpp>
#include <vef/backends/torch/plan_actions.hpp>
#include <vef/backends/torch/program.hpp>

#include <ATen/Tensor.h>

#include <mutex>
#include <utility>

namespace vef {

namespace {

/// A plan made ready for one tier. Constant: passes share it.
class ready_network {
public:
  ready_network(const planned_network& from, vef::tier tier, at::Device device)
      : tier_(tier)
      , output_(from.plan.output.index)
      , slots_(from.plan.slots.size()) {
    plan_materials with{from, tier, device};
    type_ = with.type();
    device_ = device;
    for (const auto& step : from.plan.steps) {
      entry next{std::visit([&](const auto& x) { return prepare_step(x, with); }, step), {}};
      for (auto in : plan::inputs_of(step))
        if (with.is_last_use(in)) next.done_with.push_back(in.index);
      entries_.push_back(std::move(next));
      with.next_step();
    }
    bytes_ = with.kept_bytes();
  }

  at::Tensor run(const at::Tensor& pictures) const {
    frame slots(slots_);
    // The order of numbers and their type change on the device, which is better at it than a processor. There
    // convolutions in float32 are a third faster on planes, where those in half of it want channels together.
    slots[0] = pictures.to(device_).permute({0, 3, 1, 2}).to(type_);
    if (device_.is_cuda() && type_ == at::kFloat) slots[0] = slots[0].contiguous();
    for (const auto& x : entries_) {
      x.run(slots);
      for (auto slot : x.done_with) slots[slot].reset();
    }
    return std::move(slots[output_]);
  }

  vef::tier tier() const { return tier_; }
  std::uint64_t bytes() const { return bytes_; }

private:
  struct entry {
    action run;
    std::vector<std::uint32_t> done_with;
  };

  vef::tier tier_;
  std::uint32_t output_;
  std::size_t slots_;
  at::ScalarType type_ = at::kFloat;
  at::Device device_ = at::kCPU;
  std::vector<entry> entries_;
  std::uint64_t bytes_ = 0;
};

class planned_program final : public program {
public:
  explicit planned_program(const network_spec& spec)
      : spec_(spec)
      , device_(torch_device(spec.device))
      , accelerated_(spec.device != "host") {
    auto lowest = accelerated_ && spec.load.tier != tier::mapped ? tier::device : spec.load.tier;
    if (!accelerated_ && lowest != tier::packed) lowest = tier::mapped;
    ready_ = make(lowest);
  }

  at::Tensor run(const at::Tensor& batch) override { return current()->run(batch); }

  vef::tier tier() const override { return current()->tier(); }
  bool serves() const override { return !accelerated_ || tier() == tier::device; }

  // What passes under way use lives until they are done.
  void move_to(vef::tier to) override {
    if (to == tier()) return;
    if (to != tier::mapped && to != highest())
      throw refusal{{errc::invalid_argument, "the model has no such tier"}};
    auto next = make(to);
    std::unique_lock lock{mutex_};
    auto before = std::exchange(ready_, std::move(next)); // goes when the lock is free again
    lock.unlock();
  }

  std::vector<device_bytes> weights() const override {
    auto now = current();
    if (now->tier() != tier::mapped) return {{spec_.device, now->bytes()}};
    return {{"host", mapped_bytes() + now->bytes()}};
  }

  unsigned concurrency() const override { return 256; }
  bool moves_while_running() const override { return true; }

private:
  vef::tier highest() const { return accelerated_ ? tier::device : tier::packed; }

  std::shared_ptr<const ready_network> current() const {
    std::scoped_lock lock{mutex_};
    return ready_;
  }

  std::shared_ptr<const ready_network> make(vef::tier to) const {
    auto on_device = to == tier::device;
    charged_to account{on_device ? spec_.emulated : nullptr};
    device_use use{on_device ? device_ : at::Device{at::kCPU}};
    auto made =
        std::make_shared<const ready_network>(*spec_.planned, to, on_device ? device_ : at::Device{at::kCPU});
    if (to != tier::mapped) spec_.planned->drop_pages();
    return made;
  }

  std::uint64_t mapped_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& x : spec_.planned->weights) {
      std::uint64_t count = 1;
      for (auto n : x.shape) count *= static_cast<std::uint64_t>(n);
      sum += count * size_of(x.type);
    }
    return sum;
  }

  network_spec spec_;
  at::Device device_;
  bool accelerated_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ready_network> ready_;
};

} // namespace

std::unique_ptr<program> load_plan(const network_spec& spec) {
  return std::make_unique<planned_program>(spec);
}

} // namespace vef
