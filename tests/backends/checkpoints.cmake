find_package(OpenSSL REQUIRED)
vef_test(checkpoints LABEL unit TIMEOUT 180
  SOURCES checkpoint_bad_input.cpp checkpoint_plan.cpp
  LINKS vef::backends nlohmann_json::nlohmann_json)
vef_test(weights LABEL unit TIMEOUT 180
  SOURCES mapped_file.cpp processor.cpp processor_refusals.cpp recipe.cpp repository.cpp safetensors.cpp weights.cpp
    ../support/recipe.cpp
  LINKS vef::backends nlohmann_json::nlohmann_json OpenSSL::Crypto)
vef_test(hub LABEL unit TIMEOUT 180
  SOURCES hub_answers.cpp hub_blobs.cpp hub_cache.cpp hub_download.cpp hub_environment.cpp hub_names.cpp hub_refusals.cpp
    ../support/http_listener.cpp ../support/hub_server.cpp
  LINKS vef::hub vef::backends nlohmann_json::nlohmann_json OpenSSL::Crypto)
