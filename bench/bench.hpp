#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace vef::bench {

struct options {
  bool quick = false;   ///< a moment each: to see that they run
  unsigned threads = 0; ///< 0: all cores
};

/// One measured figure, and where there is a peer, the peer's and their ratio.
struct row {
  std::string name;
  double value = 0;
  std::string unit;
  std::string peer = {};
  double peer_value = 0;
  double ratio = 0; ///< the median over rounds of value / peer_value; 0: no peer
  std::string target = {};
};

inline void print(const row& x) {
  std::printf("%-46s %10.2f %-9s", x.name.c_str(), x.value, x.unit.c_str());
  if (!x.peer.empty()) std::printf(" | %-34s %10.2f | ratio %5.3f", x.peer.c_str(), x.peer_value, x.ratio);
  if (!x.target.empty()) std::printf(" | target %s", x.target.c_str());
  std::printf("\n");
  std::fflush(stdout);
}

inline double median(std::vector<double> xs) {
  std::ranges::sort(xs);
  return xs.empty() ? 0 : xs[xs.size() / 2];
}

template <class F> double seconds(F&& work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Measures two things in turn, A B A B ..., so that a machine whose speed drifts favours neither. `a` and
/// `b` return items per second.
struct paired {
  std::vector<double> a, b, ratios;

  template <class A, class B> static paired run(int rounds, A&& a, B&& b) {
    paired out;
    a(), b(); // warm
    for (int i = 0; i < rounds; ++i) {
      out.a.push_back(a());
      out.b.push_back(b());
      out.ratios.push_back(out.a.back() / out.b.back());
    }
    return out;
  }
};

// One function a question.
void checkpoints(const options& x);
void eviction(const options& x);
void loading(const options& x);
void memory(const options& x);
void nodes(const options& x);
void nodes_lost(const options& x);
void nodes_together(const options& x);
void placement(const options& x);
void request_overhead(const options& x);
void thrash(const options& x);
void whole_path(const options& x);

/// What `loading` runs in a process of its own: prints seconds to the first vector and for the unload, and
/// bytes.
int measure_load(const std::string& how, const std::string& folder, unsigned threads);

} // namespace vef::bench
