// Quick start 3: the unloading interface.
#include <vef/supervisor/runtime.hpp>

#include <cstdio>

namespace {

void print(const char* what, const std::vector<vef::unload_report>& reports) {
  std::printf("%s: %zu unloaded\n", what, reports.size());
  for (const auto& x : reports)
    std::printf("  %s/%s: %s, %s expected\n", x.service.c_str(), x.model.c_str(),
                std::string{vef::to_string(x.outcome.code)}.c_str(),
                vef::format_bytes(x.bytes_expected).c_str());
}

} // namespace

int main() {
  vef::runtime runtime;
  auto service = vef::or_throw(runtime.create("descriptors"));
  for (auto model : {"descriptors-small", "descriptors-large"}) vef::or_throw(service.load(model));

  print("one model", vef::or_throw(runtime.unload_model("descriptors", "descriptors-small")));
  print("all models of a service", vef::or_throw(runtime.unload_service("descriptors")));
  print("all models of all services", vef::or_throw(runtime.unload_all()));
}
