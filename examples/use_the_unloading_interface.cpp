// Quick start 3: the unloading interface.
#include <vef/supervisor/runtime.hpp>

#include <cstdio>

namespace {

void print(const char* what, const std::vector<vef::unload_report>& reports) {
  std::printf("%s: %zu\n", what, reports.size());
  for (const auto& x : reports)
    std::printf("  %s/%s: %s, %s of %s came back in %.1f ms%s%s\n", x.service.c_str(), x.model.c_str(),
                x.outcome ? vef::describe(x.outcome).c_str() : "gone",
                vef::format_bytes(x.bytes_returned).c_str(), vef::format_bytes(x.bytes_expected).c_str(),
                static_cast<double>(x.took.count()) / 1000, x.why.empty() ? "" : ": ", x.why.c_str());
}

} // namespace

int main() {
  using namespace std::chrono_literals;
  vef::runtime runtime;
  auto service = vef::or_throw(runtime.create("descriptors"));
  auto load = [&] {
    for (auto model : {"descriptors-small", "descriptors-large"}) vef::or_throw(service.load(model));
  };
  load();
  print("one model", vef::or_throw(runtime.unload_model("descriptors", "descriptors-small")));
  load();
  print("all models of a service", vef::or_throw(runtime.unload_service("descriptors")));
  load();
  print("all models of all services", vef::or_throw(runtime.unload_all()));
  load();
  print("those over 85 % of a memory, or of its budget", vef::or_throw(runtime.unload_by_pressure(0.85)));
  print("those not used for ten minutes on a device, or thirty on the host",
        vef::or_throw(runtime.unload_by_timeout({.device = 600s, .host = 1800s})));

  vef::or_throw(runtime.pin("descriptors", "descriptors-small")); // from now on nothing evicts it
  print("all that is not pinned", vef::or_throw(runtime.unload_all()));
}
