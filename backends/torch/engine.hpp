#pragma once

#include <vef/backends/backend.hpp>
#include <vef/backends/torch/emulated_memory.hpp>
#include <vef/backends/transformers/plan.hpp>
#include <vef/backends/transformers/safetensors.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

// What lies between the backend and libvef_torch.so, the module that links LibTorch. Starting LibTorch takes
// a quarter of a second and 110 MiB, so it is opened at the first load: a program that only asks for names,
// or uses another backend, never pays. Nothing here names LibTorch, and the module uses no code of ours but
// what stands in headers.

namespace vef {

/// What a network computes in.
enum class precision : std::uint8_t { float32, bfloat16, float16 };

/// A tensor for a plan, in memory that `keep` holds. The elements may be unaligned.
struct stored_weight {
  dtype type = dtype::f32;
  plan::shape shape = {};
  const std::byte* data = nullptr;
  std::shared_ptr<const void> keep = {};
};

/// A plan and its weights.
struct planned_network {
  network_plan plan;
  std::vector<stored_weight> weights; ///< in the order of the plan's
  precision compute = precision::float32;
  std::uint64_t working_bytes = 0; ///< that a pass over one picture holds at most

  /// Called when all weights are copied and their memory isn't read for a while.
  std::function<void()> drop_pages = [] {};
};

/// What a network is made from: a file, or a plan.
struct network_spec {
  std::string file = {};
  std::shared_ptr<const planned_network> planned = {};
  std::string device = "host";                    ///< as tiers name it: "host", "cuda:0", "emulated:0"
  std::shared_ptr<emulated_memory> emulated = {}; ///< of such a device
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool channels_last =
      false;             ///< takes pictures x height x width x 3 instead of pictures x 3 x height x width
  std::uint32_t dim = 0; ///< numbers in a vector
  bool normalize = false;
  std::optional<std::uint32_t> output_index = {};
  std::string output_key = {};
  load_context load = {};
};

/// Writes the prepared pictures of a batch as float32, in the layout that the network takes.
using write_input = std::function<void(std::span<float>)>;

/// A network in memory. Error texts give the reason alone; the caller says for which model. What is not
/// explained here is as with loaded_model.
class network {
public:
  virtual ~network() = default;

  /// One pass over `rows.size()` pictures. At most `concurrency()` threads at once.
  virtual result<void> forward(const write_input& write, vector_rows rows, const embed_context& context) = 0;

  virtual result<void> move_to(const load_context& to) = 0;
  virtual void limit_working(std::uint64_t bytes) = 0;
  virtual model_memory memory() const = 0;
  virtual vef::tier tier() const = 0;
  virtual unsigned concurrency() const = 0;
  virtual bool moves_while_embedding() const = 0;
};

// The functions of the module. Their names carry the version of what stands above and in backend.hpp.

using load_network = void(const network_spec&, result<std::unique_ptr<network>>&);
inline constexpr const char* load_network_symbol = "vef_torch_load_network_3";

/// Reads the memory of a CUDA device, `out.device`. False, and nothing is done, before a model was loaded to
/// it.
using read_device = bool(device_reading& out);
inline constexpr const char* read_device_symbol = "vef_torch_read_device_3";

} // namespace vef
