#pragma once

#include "actors/memory_world.hpp"
#include "support/catch.hpp"

namespace vef::test {

using tickets = std::vector<admission::ticket>;

/// A small world in which loads line up.
struct waiting_room : memory_world {
  using memory_world::memory_world;
  result<admission::ticket> ask(const load_claim& x) { return queue.ask(x, needs_of(x, nullptr), now); }

  admission::ticket line_up(const load_claim& x) {
    auto got = ask(x);
    INFO(x.model << ": " << (got ? "" : got.error().what));
    REQUIRE(got);
    return *got;
  }

  std::vector<admission::ticket> granted() {
    std::vector<admission::ticket> out;
    last = queue.advance(now);
    for (const auto& [id, grant] : last.granted) out.push_back(id);
    return out;
  }

  words steps() {
    last = queue.advance(now);
    return told(last.steps);
  }

  /// Why a load is refused at once: the code and the sentence.
  error refusal(const load_claim& x) {
    auto got = ask(x);
    return got ? error{} : got.error();
  }

  admission::decisions last;
};

/// With `n` models of its service in memory at the most.
inline load_claim with_places(load_claim x, std::uint32_t n) {
  x.places = n;
  return x;
}

inline bool says(const error& x, const std::string& text) {
  UNSCOPED_INFO(x.what);
  return x.what.find(text) != std::string::npos;
}

} // namespace vef::test
