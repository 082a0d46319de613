#pragma once

#include <vef/messages/bytes.hpp>

#include <cstdint>

namespace vef {

/// What may be on the way to one node at once, of all requests together.
struct credit_limits {
  std::uint32_t pictures = 256;
  std::uint64_t bytes = 16_MiB;

  bool operator==(const credit_limits&) const = default;
};

/// How much more may be sent to one node before it has answered what it was sent.
///
/// Without a limit, whoever reads pictures faster than a node embeds them would fill the memory of both: here
/// with bytes that wait for the connection, there with requests that wait for the model. Pure; one thread.
class credit {
public:
  explicit credit(credit_limits limits = {})
      : limits_(limits) {}

  /// Whether a part may be sent now; then it is on the way until it is given back. One may whenever nothing
  /// is on the way, however large it is, or else it never could.
  bool take(std::uint32_t pictures, std::uint64_t bytes) {
    auto fits = pictures <= pictures_left() && bytes <= bytes_left();
    if (!fits && !idle()) return false;
    ++parts_;
    pictures_ += pictures;
    bytes_ += bytes;
    return true;
  }

  /// A part that was taken is answered or lost: with the same figures.
  void give_back(std::uint32_t pictures, std::uint64_t bytes) {
    if (parts_ == 0) return;
    --parts_;
    pictures_ -= pictures < pictures_ ? pictures : pictures_;
    bytes_ -= bytes < bytes_ ? bytes : bytes_;
  }

  /// Nothing is on the way.
  bool idle() const { return parts_ == 0; }

  std::uint64_t pictures_left() const {
    return pictures_ < limits_.pictures ? limits_.pictures - pictures_ : 0;
  }
  std::uint64_t bytes_left() const { return bytes_ < limits_.bytes ? limits_.bytes - bytes_ : 0; }

private:
  credit_limits limits_;
  std::uint64_t parts_ = 0; // not the same as pictures: a request without any is a part as well
  std::uint64_t pictures_ = 0;
  std::uint64_t bytes_ = 0;
};

} // namespace vef
