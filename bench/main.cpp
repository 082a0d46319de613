#include "bench/bench.hpp"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::warn);
  vef::bench::options options;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--quick")
      options.quick = true;
    else if (word == "--threads" && i + 1 < argc)
      options.threads = static_cast<unsigned>(std::atoi(argv[++i]));
    else {
      std::fprintf(stderr, "usage: vef_bench [--quick] [--threads N]\n");
      return 2;
    }
  }
  vef::bench::request_overhead(options);
#ifdef VEF_TORCH
  vef::bench::whole_path(options);
#else
  std::printf("SKIPPED: whole_path: built without LibTorch\n");
#endif
}
