#pragma once

#include <vef/backends/backend.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

// What lies between the backend and libvef_torch.so, the module that links LibTorch. Starting LibTorch takes
// a quarter of a second and 110 MiB, so it is opened at the first load: a program that only asks for names,
// or uses another backend, never pays. Nothing here names LibTorch, and the module uses no code of ours but
// what stands in headers.

namespace vef {

/// What a network is made from.
struct network_spec {
  std::string file;
  std::string device = "cpu";
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool channels_last =
      false;             ///< takes pictures x height x width x 3 instead of pictures x 3 x height x width
  std::uint32_t dim = 0; ///< numbers in a vector
  bool normalize = false;
  std::optional<std::uint32_t> output_index = {};
  std::string output_key = {};
  unsigned threads = 1; ///< that the load may use
};

/// Writes the prepared pictures of a batch as float32, in the layout that the network takes.
using write_input = std::function<void(std::span<float>)>;

/// A network in memory. Error texts give the reason alone; the caller says for which model.
class network {
public:
  virtual ~network() = default;

  /// One pass over `rows.size()` pictures. At most `concurrency()` threads at once.
  virtual result<void> forward(const write_input& write, vector_rows rows, unsigned threads) = 0;

  virtual std::uint64_t memory_bytes() const = 0;
  virtual vef::tier tier() const = 0;
  virtual unsigned concurrency() const = 0;
};

/// The only function of the module. Its name carries the version of what stands above.
using load_network = void(const network_spec&, result<std::unique_ptr<network>>&);
inline constexpr const char* load_network_symbol = "vef_torch_load_network_1";

} // namespace vef
