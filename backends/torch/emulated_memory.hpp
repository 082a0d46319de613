#pragma once

#include <atomic>
#include <cstdint>

namespace vef {

/// The memory of an emulated device: a number of bytes that tensors in host memory are charged to.
///
/// Threads: any.
class emulated_memory {
public:
  explicit emulated_memory(std::uint64_t total)
      : total_(total) {}

  /// Whether there was room for so many bytes; if so, they are held from now on.
  bool take(std::uint64_t bytes) noexcept {
    auto before = held_.load();
    do {
      if (bytes > total_ - before) return false;
    } while (!held_.compare_exchange_weak(before, before + bytes));
    return true;
  }

  void give_back(std::uint64_t bytes) noexcept { held_ -= bytes; }

  std::uint64_t total() const noexcept { return total_; }
  std::uint64_t held() const noexcept { return held_; }

private:
  const std::uint64_t total_;
  std::atomic<std::uint64_t> held_ = 0;
};

} // namespace vef
