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

/// Owes an answer: itself for 0, in an answer that it waits for otherwise. Negative numbers are its end.
class debtor {
public:
  using interface = fragile_actor;
  static inline const char* name = "test.debtor";
  explicit debtor(interface::pointer self)
      : self_(self) {}

  interface::behavior_type make_behavior(fragile_actor other) {
    return {[this, other](embed_atom op, int x) -> caf::result<int> {
      if (x < 0) throw std::runtime_error("below zero");
      promise<int> reply{self_};
      if (x == 0)
        owed_.push_back(reply);
      else
        self_->request(other, caf::infinite, op, x - 1)
            .then([reply](int y) mutable { reply.deliver(y); },
                  [reply](caf::error& why) mutable { reply.fail(std::move(why)); });
      return reply;
    }};
  }

private:
  interface::pointer self_;
  std::vector<promise<int>> owed_;
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

TEST_CASE_METHOD(still_system, "an actor that dies in whatever way answers all that it owes") {
  auto patient = ending(spawn_state<debtor>(system(), fragile_actor{}));
  auto x = spawn_state<debtor>(system(), patient);
  auto held = send<int>(x, embed_atom_v, 0);
  auto waiting = send<int>(x, embed_atom_v, 1);
  act();
  CHECK_FALSE((*held || *waiting));
  SECTION("killed") { caf::anon_send_exit(x, caf::exit_reason::kill); }
  SECTION("told to end") { caf::anon_send_exit(x, caf::exit_reason::user_shutdown); }
  SECTION("by an exception") { caf::anon_send(x, embed_atom_v, -1); }
  auto unread = send<int>(x, embed_atom_v, 0);
  act();
  for (auto& one : {held, waiting, unread}) {
    REQUIRE(*one);
    REQUIRE_FALSE(**one);
    CHECK((**one).error().code != errc::ok);
  }
  CHECK((**held).error().code == errc::unavailable);
  CHECK((**held).error().what == "test.debtor ended before it answered");
  CHECK((**waiting).error().code == errc::unavailable);
}
