#include <vef/supervisor/builtin.hpp>

#include <vef/backends/descriptors/descriptors.hpp>
#ifdef VEF_TORCH
#include <vef/backends/torch/torch.hpp>
#include <vef/backends/transformers/transformers.hpp>
#endif

namespace vef {

std::shared_ptr<backend_types> builtin_backends() {
  auto types = std::make_shared<backend_types>();
  add_descriptors_backend(*types);
#ifdef VEF_TORCH
  add_torch_backend(*types);
  add_transformers_backend(*types);
#endif
  return types;
}

} // namespace vef
