#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;

namespace {

using fragile_actor = actor_of<int(embed_atom, int)>;

class fragile {
public:
  using interface = fragile_actor;
  static inline const char* name = "test.fragile";
  explicit fragile(interface::pointer) {}

  interface::behavior_type make_behavior() {
    return {[](embed_atom, int x) {
      if (x < 0) throw std::runtime_error("below zero");
      return x;
    }};
  }
};

std::vector<std::string> told;

} // namespace

TEST_CASE_METHOD(still_system,
                 "an exception in a handler ends its actor and is told to the asker and the log") {
  told.clear();
  on_actor_failure(
      [](const char* actor, const std::string& what) { told.push_back(std::string{actor} + ": " + what); });
  auto x = ending(spawn_state<fragile>(system()));
  CHECK(ask<int>(x, embed_atom_v, 3).value() == 3);
  auto failed = ask<int>(x, embed_atom_v, -1);
  REQUIRE_FALSE(failed);
  CHECK(told == std::vector<std::string>{"test.fragile: below zero"});
  CHECK(ask<int>(x, embed_atom_v, 3).error().code == errc::unavailable);
  on_actor_failure(nullptr);
}
