#pragma once

#include <vef/backends/torch/engine.hpp>

namespace at {
class Tensor;
}

namespace vef {

/// What a model file becomes: a function from a float32 batch in host memory to a tensor with one row per
/// picture, of any floating type and on any device.
class program {
public:
  virtual ~program() = default;
  virtual at::Tensor run(const at::Tensor& batch) = 0;

  /// Where the weights are.
  virtual vef::tier tier() const = 0;

  /// Whether it can run in the tier that it is in.
  virtual bool serves() const { return true; }

  /// Throws, and has changed nothing then, if it can't.
  virtual void move_to(vef::tier to) = 0;

  /// Bytes of the weights.
  virtual std::vector<device_bytes> weights() const = 0;

  virtual unsigned concurrency() const = 0;

  /// Whether `move_to` may be called while `run` is under way.
  virtual bool moves_while_running() const { return false; }
};

/// A typed error on its way to the border of the module; whatever else is thrown there becomes load_failed or
/// embed_failed.
struct refusal {
  error why;
};

/// Reads a TorchScript file. On an accelerator it has two tiers: `host`, from which it doesn't serve, and
/// `device`.
std::unique_ptr<program> load_torchscript(const network_spec& spec);

/// Makes a network from a plan. On the host it has two tiers: `mapped`, which uses the weights where they
/// lie, and `packed`, which has copies of its own, laid out for the processor. On an accelerator the second
/// is `device`, and it serves from that alone.
std::unique_ptr<program> load_plan(const network_spec& spec);

/// Opens an AOTInductor package. It has one tier.
std::unique_ptr<program> load_package(const network_spec& spec);

} // namespace vef
