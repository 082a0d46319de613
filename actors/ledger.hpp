#pragma once

#include <vef/messages/status.hpp>

#include <map>
#include <string>

namespace vef {

/// Who holds how much of which device's memory. Bytes are reserved before a load, become resident (weights)
/// and working (forward passes) when they are measured, and go back when the model is gone; together they
/// never exceed a device's budget. A load finds less room than the budget leaves where other programs hold
/// the memory.
///
/// Pure bookkeeping: knows no actors, no clocks, and touches no memory.
class ledger {
public:
  /// Adds a device or changes its budget, of which `slack` bytes are never given out. Shrinking below what is
  /// held refuses further reservations and takes nothing.
  void set_capacity(const std::string& device, std::uint64_t bytes, std::uint64_t slack = 0);

  /// What the kernel or the driver says of a device that is known.
  void set_reading(const device_reading& x);

  bool knows(const std::string& device) const { return accounts_.contains(device); }

  /// Sets bytes aside, all or nothing, beside what the model holds already. Errors: over_budget, which says
  /// who holds what; invalid_argument for an unknown device.
  result<void> reserve(const model_key& who, const std::vector<device_bytes>& bytes);

  /// Gives back what a model has reserved and not settled.
  void cancel(const model_key& who);

  /// What the model holds on all devices is now this: all that it has reserved is replaced. Errors:
  /// over_budget if a device has no room for the difference, invalid_argument; then everything stays as it
  /// was.
  result<void> settle(const model_key& who, const model_memory& measured);

  /// Raises the working memory of a model on a device to as much of `wanted` as there is room for and says
  /// how much it has then. Never lowers it; a model that holds nothing there gets nothing.
  std::uint64_t grow(const model_key& who, const device_bytes& wanted);

  /// Lowers the working memory of a model on a device.
  void shrink(const model_key& who, const device_bytes& to);

  /// What a model holds is from now on held under another name, which must hold nothing.
  void rename(const model_key& who, const model_key& as);

  /// Gives back all that a model holds on all devices, and says how much that was.
  std::uint64_t release(const model_key& who);

  struct entry {
    std::uint64_t reserved = 0;
    std::uint64_t resident = 0;
    std::uint64_t working = 0;
    std::uint64_t sum() const { return reserved + resident + working; }
  };

  /// What a model holds of a device; zeros if nothing.
  entry held(const model_key& who, const std::string& device) const;

  /// What a model holds on all devices.
  std::uint64_t held(const model_key& who) const;

  /// Bytes of a device that models may hold together: its budget less the slack.
  std::uint64_t capacity(const std::string& device) const;

  /// Bytes that could be reserved now.
  std::uint64_t room(const std::string& device) const;

  /// Every device; the caller adds to the holdings what it knows.
  std::vector<device_memory> status() const;

  /// The sentence of a refusal, with who holds the memory.
  std::string shortage(const model_key& who, const device_bytes& need) const;

private:
  struct account {
    std::uint64_t capacity = 0;
    std::uint64_t slack = 0;
    device_reading reading;
    std::map<model_key, entry> entries;

    std::uint64_t held() const;
    std::uint64_t usable() const { return capacity - slack; }
    std::uint64_t limit() const;
    std::uint64_t room() const;
  };

  const account* find(const std::string& device) const;

  std::map<std::string, account> accounts_;
};

} // namespace vef
