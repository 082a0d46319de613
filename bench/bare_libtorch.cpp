#include "bench/bare_libtorch.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstring>

namespace vef::bench {

struct bare_module::core {
  torch::jit::Module module;
};

bare_module::bare_module(const std::string& file)
    : core_(std::make_unique<core>()) {
  c10::InferenceMode guard;
  auto module = torch::jit::load(file, at::kCPU);
  module.eval();
  for (const auto& x : module.parameters())
    if (x.dim() == 4) at::Tensor{x}.set_data(x.contiguous(at::MemoryFormat::ChannelsLast));
  core_->module = torch::jit::freeze(module);
}

bare_module::~bare_module() = default;

void bare_module::set_threads(unsigned n) { at::set_num_threads(static_cast<int>(n)); }

void bare_module::run(const std::vector<float>& batch, int pictures, int side, std::vector<float>& vectors) {
  c10::InferenceMode guard;
  torch::jit::GraphOptimizerEnabledGuard plain{false};
  auto input = at::from_blob(const_cast<float*>(batch.data()), {pictures, 3, side, side}, at::kFloat)
                   .contiguous(at::MemoryFormat::ChannelsLast);
  auto output = core_->module.forward({input}).toTensor().contiguous();
  vectors.resize(static_cast<std::size_t>(output.numel()));
  std::memcpy(vectors.data(), output.data_ptr<float>(), vectors.size() * sizeof(float));
}

} // namespace vef::bench
