#include "bench/bench.hpp"
#include "bench/node_process.hpp"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <string_view>

namespace {

using namespace vef::bench;

struct question {
  std::string_view name;
  void (*answer)(const options&); ///< null: needs LibTorch, and this build has none
};

#ifdef VEF_TORCH
#define VEF_BENCH_TORCH(name)                                                                                \
  question { #name, name }
#else
#define VEF_BENCH_TORCH(name)                                                                                \
  question { #name, nullptr }
#endif

const question questions[]{{"request_overhead", request_overhead},
                           VEF_BENCH_TORCH(whole_path),
                           VEF_BENCH_TORCH(checkpoints),
                           VEF_BENCH_TORCH(loading),
                           VEF_BENCH_TORCH(memory),
                           {"thrash", thrash},
                           {"eviction", eviction},
                           {"placement", placement},
                           {"nodes", nodes},
                           {"nodes_together", nodes_together},
                           {"nodes_lost", nodes_lost}};

int usage() {
  std::fprintf(stderr, "usage: vef_bench [--quick] [--threads N] [QUESTION...]\nquestions:");
  for (const auto& x : questions) std::fprintf(stderr, " %s", x.name.data());
  std::fprintf(stderr, "\n");
  return 2;
}

} // namespace

int main(int argc, char** argv) {
#ifdef VEF_TORCH
  if (argc == 5 && std::string_view{argv[1]} == "--load")
    return measure_load(argv[2], argv[3], static_cast<unsigned>(std::atoi(argv[4])));
#endif
  spdlog::set_level(spdlog::level::err);
  if (argc > 1 && std::string_view{argv[1]} == node_argument) return be_node(argc, argv);
  options how;
  std::vector<const question*> chosen;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    auto named = std::ranges::find(questions, word, &question::name);
    if (word == "--quick")
      how.quick = true;
    else if (word == "--threads" && i + 1 < argc)
      how.threads = static_cast<unsigned>(std::atoi(argv[++i]));
    else if (named != std::end(questions))
      chosen.push_back(named);
    else
      return usage();
  }
  if (chosen.empty())
    for (const auto& x : questions) chosen.push_back(&x);
  try { // or else nothing of what a question has made would be undone
    for (auto x : chosen) {
      if (x->answer)
        x->answer(how);
      else
        std::printf("SKIPPED: %s: built without LibTorch\n", x->name.data());
    }
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "vef_bench: %s\n", problem.what());
    return 1;
  }
}
