#pragma once

#include <vef/messages/caf.hpp>

#include <memory>
#include <vector>

namespace vef {

/// Collects the answers to several requests and delivers them together, in the order of the requests, when
/// the last has come. An answer of many is put in place as a whole. Without requests it delivers at once.
template <class T> class gathering {
public:
  gathering(promise<std::vector<T>> answer, std::size_t expected)
      : answer_(std::move(answer))
      , parts_(expected)
      , open_(expected) {
    if (open_ == 0) answer_.deliver(std::vector<T>{});
  }

  void put(std::size_t place, std::vector<T> part) {
    parts_[place] = std::move(part);
    if (--open_ > 0) return;
    std::vector<T> all;
    for (auto& x : parts_) std::move(x.begin(), x.end(), std::back_inserter(all));
    answer_.deliver(std::move(all));
  }

private:
  promise<std::vector<T>> answer_;
  std::vector<std::vector<T>> parts_;
  std::size_t open_;
};

} // namespace vef
