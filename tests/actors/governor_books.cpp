// What was learned of the models is kept over restarts.
#include "support/actor_fixture.hpp"

#include "support/scratch.hpp"

#include <vef/actors/usage_book.hpp>

#include <fstream>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

const scratch& folder() {
  static const scratch x;
  return x;
}

governor_options keeping_books() {
  auto x = actor_fixture::at_once();
  x.state_file = folder() / "state/usage.json";
  return x;
}

struct book_keeper : actor_fixture {
  book_keeper()
      : actor_fixture(keeping_books()) {}
  void end_governor() {
    caf::anon_send_exit(governor, caf::exit_reason::user_shutdown);
    settle();
  }
};

} // namespace

TEST_CASE("what was measured is known after a restart") {
  std::filesystem::remove_all(folder() / "state");
  {
    book_keeper first;
    first.control->bytes = 4000;
    REQUIRE(first.use(first.make_service(), "a"));
    first.end_governor();
  }
  book_keeper second;
  auto plan = second.ask<load_plan>(second.make_service(), plan_atom_v, std::string{"a"}).value();
  CHECK(plan.measured);
  CHECK(plan.needs == std::vector<device_bytes>{{"host", 4000}});
  auto known = second.memory().usage.at(0);
  CHECK(known.loads == 1);
  CHECK(known.resident_since == timestamp{});
}

TEST_CASE("the books are written now and then, and not only at the end") {
  std::filesystem::remove_all(folder() / "state");
  book_keeper x;
  REQUIRE(x.use(x.make_service(), "a"));
  CHECK_FALSE(std::filesystem::exists(folder() / "state/usage.json"));
  x.pass(31s, 1s);
  auto kept = read_usage(folder() / "state/usage.json");
  REQUIRE(kept);
  CHECK(kept->find({"s", "a"})->requests == 1);
}

TEST_CASE("books that can't be read are put aside, and new ones begun") {
  std::filesystem::create_directories(folder() / "state");
  std::ofstream{folder() / "state/usage.json"} << "{\"version\": 99";
  book_keeper x;
  CHECK(x.memory().usage.empty());
  CHECK(std::filesystem::exists(folder() / "state/usage.json.unreadable"));
  REQUIRE(x.use(x.make_service(), "a"));
  x.end_governor();
  CHECK(read_usage(folder() / "state/usage.json"));
}

TEST_CASE("books that can't be written cost nothing but themselves") {
  std::filesystem::remove_all(folder() / "state");
  std::ofstream{folder() / "state"} << "a file where the folder should be";
  book_keeper x;
  REQUIRE(x.use(x.make_service(), "a"));
  x.pass(40s, 1s);
  CHECK(x.use(x.make_service(0, "t"), "a"));
  std::filesystem::remove(folder() / "state");
}
