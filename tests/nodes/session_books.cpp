#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <vef/nodes/session_books.hpp>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

constexpr session_books::time_point start{1h};

session_books books(bool read_only = false, std::vector<std::string> shared = {}) {
  return {"a client", {}, read_only, path_guard{std::move(shared)}, start};
}

} // namespace

TEST_CASE("messages among a node's own actors are not for peers") {
  auto x = books().admit(access::never, 0, start);
  REQUIRE_FALSE(x);
  CHECK(x.error().code == errc::not_allowed);
}

TEST_CASE("a read-only node lets peers look and embed") {
  auto x = books(true);
  CHECK(x.admit(access::see, 0, start));
  CHECK(x.admit(access::embed, 10, start));
  auto refused = x.admit(access::change, 0, start);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::not_allowed);
}

TEST_CASE(
    "files outside of the shared folders are taken out of a request, and their errors put back in place") {
  scratch shared, other;
  shared.put("a");
  shared.put("c");
  other.put("b");
  auto x = books(false, {shared.folder().string()});
  embed_request request;
  request.images = {image{shared / "a"}, image{other / "b"}, image{shared / "c"}};
  auto problems = x.resolve_paths(request);
  REQUIRE(request.images.size() == 2);
  REQUIRE(problems.size() == 3);
  CHECK(problems[1].code == errc::not_allowed);
  embed_reply reply;
  reply.vectors = matrix{2, 1, std::make_shared<std::vector<float>>(std::vector<float>{1, 3})};
  reply.outcomes.resize(2);
  auto whole = with_problems(reply, problems);
  REQUIRE(whole.outcomes.size() == 3);
  CHECK(whole.outcomes[1].code == errc::not_allowed);
  CHECK(whole.vectors.row(0)[0] == 1);
  CHECK(whole.vectors.row(1)[0] == 0);
  CHECK(whole.vectors.row(2)[0] == 3);
}

TEST_CASE("a peer lives as long as it says so") {
  auto x = books();
  CHECK_FALSE(x.silent(start + 9s));
  CHECK(x.silent(start + 11s));
  x.on_sign_of_life(start + 9s);
  CHECK_FALSE(x.silent(start + 18s));
}

TEST_CASE("what each message does is known from its verb") {
  static_assert(access_of<embed_atom, embed_request>() == access::embed);
  static_assert(access_of<load_atom, std::string, std::string>() == access::change);
  static_assert(access_of<find_atom>() == access::never);
  static_assert(access_of<find_atom, std::string>() == access::see);
  static_assert(access_of<settle_atom>() == access::see);
  static_assert(access_of<settle_atom, load_result>() == access::never);
  static_assert(access_of<shutdown_atom, std::chrono::milliseconds>() == access::never);
  static_assert(access_of<put_atom, service_status>() == access::never);
  static_assert(access_of<reserve_atom, load_claim, model_actor>() == access::never);
  SUCCEED();
}
