#pragma once

#include <memory>
#include <string>
#include <vector>

namespace vef::bench {

/// The peer: a frozen TorchScript module and nothing else. Loaded and frozen as the torch backend does it.
class bare_module {
public:
  explicit bare_module(const std::string& file);
  ~bare_module();

  /// Uses so many threads from now on, in the calling thread.
  static void set_threads(unsigned n);

  /// Forward passes over the same batch of normalised pictures, NCHW; the vectors are copied out.
  void run(const std::vector<float>& batch, int pictures, int side, std::vector<float>& vectors);

private:
  struct core;
  std::unique_ptr<core> core_;
};

} // namespace vef::bench
