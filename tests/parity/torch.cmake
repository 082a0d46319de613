vef_test(torch LABEL parity SOURCES torch_embed.cpp torch_load.cpp torch_package.cpp LINKS vef::torch nlohmann_json::nlohmann_json TIMEOUT 300)
