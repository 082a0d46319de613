// Quick start 2: use a service that is there.
#include <vef/supervisor/runtime.hpp>

#include <cstdio>

int main(int argc, char** argv) {
  vef::runtime runtime;
  auto service = vef::or_throw(runtime.create("descriptors"));

  // Loading is optional: the first request does it.
  vef::or_throw(service.load("descriptors-small"));

  // One row for each picture, in order: a vector or an error.
  auto rows = service.embed({argv + 1, argv + argc});
  for (const auto& row : rows)
    if (row)
      std::printf("a vector of %zu numbers\n", row.vector().size());
    else
      std::printf("%s\n", vef::describe(row.error()).c_str());

  vef::or_throw(service.unload("descriptors-small"));
  return rows.all_ok() ? 0 : 1;
}
