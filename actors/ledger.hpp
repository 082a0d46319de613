#pragma once

#include <vef/messages/status.hpp>

#include <map>
#include <string>
#include <utility>

namespace vef {

/// Who holds how much of which device's memory. Bytes are reserved before a load, become resident when they
/// are measured, and go back when the model is gone; reserved + resident never exceeds a device's capacity.
///
/// Pure bookkeeping: knows no actors, no clocks, and touches no memory.
class ledger {
public:
  /// Adds a device or changes its capacity. Shrinking below what is held refuses further reservations and
  /// takes nothing.
  void set_capacity(const std::string& device, std::uint64_t bytes);

  /// Sets bytes aside for a model that holds none on that device. Errors: over_budget, which says who holds
  /// what; in_use if the model holds bytes already; invalid_argument for an unknown device.
  result<void> reserve(const memory_claim& claim);

  /// Turns a reservation into what the model was measured to hold. Errors: over_budget if there is no room
  /// for the difference, and the reservation stays as it was; invalid_argument if there was none.
  result<void> settle(const memory_claim& measured);

  /// Gives back all that a model holds on all devices, and says how much that was.
  std::uint64_t release(const std::string& service, const std::string& model);

  /// What a model holds on all devices.
  std::uint64_t held_by(const std::string& service, const std::string& model) const;

  std::vector<device_memory> status() const;

private:
  using owner = std::pair<std::string, std::string>; // service, model
  struct entry {
    std::uint64_t bytes = 0;
    bool settled = false;
  };
  struct account {
    std::uint64_t capacity = 0;
    std::uint64_t reserved = 0;
    std::uint64_t resident = 0;
    std::map<owner, entry> entries;

    std::uint64_t room() const {
      auto held = reserved + resident;
      return held < capacity ? capacity - held : 0;
    }
  };

  static error refusal(const memory_claim& claim, const account& device);

  std::map<std::string, account> accounts_;
};

} // namespace vef
