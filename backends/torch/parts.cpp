#include <vef/backends/torch/parts.hpp>

#include <c10/core/InferenceMode.h>

#include <exception>
#include <mutex>

namespace vef {

void in_parts(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& work) {
  std::mutex mutex;
  std::exception_ptr first;
  auto one = [&](std::size_t part) {
    try {
      c10::InferenceMode inference; // belongs to a thread
      work(part);
    } catch (...) {
      std::scoped_lock lock{mutex};
      if (!first) first = std::current_exception();
    }
  };
  // Inside of a parallel region LibTorch, oneDNN and MKL open no other.
#pragma omp parallel for schedule(dynamic) num_threads(static_cast <int>(threads))
  for (std::size_t part = 0; part < count; ++part) one(part);
  if (first) std::rethrow_exception(first);
}

} // namespace vef
