vef_test(torch LABEL parity SOURCES torch_embed.cpp torch_load.cpp torch_memory.cpp torch_package.cpp torch_tiers.cpp LINKS vef::torch nlohmann_json::nlohmann_json TIMEOUT 300)

vef_test(torch_blas LABEL parity SOURCES torch_blas.cpp LINKS vef::torch)
set_target_properties(test_torch_blas PROPERTIES ENABLE_EXPORTS TRUE)

vef_test(stress LABEL slow SOURCES stress.cpp LINKS vef::torch vef::vef spdlog::spdlog TIMEOUT 600 SERIAL)

find_package(OpenSSL REQUIRED)
vef_test(transformers LABEL parity TIMEOUT 300
  SOURCES transformers_backend.cpp transformers_full.cpp transformers_golden.cpp ../support/recipe.cpp
  LINKS vef::transformers vef::torch nlohmann_json::nlohmann_json OpenSSL::Crypto)

# Alone, since the memory tests compare what the driver says exactly. Skipped by name where there is no GPU.
vef_test(cuda LABEL parity SERIAL TIMEOUT 300
  SOURCES cuda_memory.cpp cuda_vectors.cpp ../support/recipe.cpp
  LINKS vef::transformers vef::torch nlohmann_json::nlohmann_json OpenSSL::Crypto ${CMAKE_DL_LIBS})
