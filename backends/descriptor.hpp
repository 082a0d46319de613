#pragma once

#include <utility>

#include <unistd.h>

namespace vef {

/// A file descriptor that is closed with the object; negative for none.
class descriptor {
public:
  descriptor() = default;
  explicit descriptor(int number)
      : number_(number) {}
  descriptor(descriptor&& other) noexcept
      : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() { close(); }

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }

  /// Gives up a lock too, if it has one.
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

private:
  int number_ = -1;
};

} // namespace vef
