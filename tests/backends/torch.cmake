vef_test(torch_description LABEL unit SOURCES torch_description.cpp LINKS vef::torch_description spdlog::spdlog)
