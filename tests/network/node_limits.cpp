// What a peer that is let in may do: its requests are bounded in size, number and rate, its files are those
// that are shared, and a node that is read-only is not changed.
#include "network/node_fixture.hpp"
#include "network/raw_peer.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// Asks for the same several times at once, and counts how that ended.
std::map<errc, int> ends_of(raw_peer& by, const cluster_actor& front, const embed_request& request,
                            int times) {
  auto ask = [&] { return by.self()->request(front, patience, embed_atom_v, request); };
  std::vector<decltype(ask())> asked;
  for (int i = 0; i < times; ++i) asked.push_back(ask());
  std::map<errc, int> out;
  for (auto& x : asked)
    x.receive([&](const embed_reply&) { ++out[errc::ok]; },
              [&](caf::error& why) { ++out[from_caf(why).code]; });
  return out;
}

/// A picture file of two by two pixels, all of one colour.
std::string bitmap(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  std::string out{"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\2\0\0\0\2\0\0\0\1\0\x18\0\0\0\0\0\x10\0\0\0", 38};
  out.append(16, '\0');
  for (int row = 0; row < 2; ++row) {
    for (int column = 0; column < 2; ++column)
      for (auto x : {blue, green, red}) out += static_cast<char>(x);
    out.append(2, '\0');
  }
  return out;
}

} // namespace

TEST_CASE_METHOD(node_fixture,
                 "a request above the bytes of a peer is refused, and clients send it in parts") {
  start({.name = "a", .words = {"most_bytes=100000"}});
  raw_peer by{address("a"), tls()};
  auto there = by.enter();
  auto large = request_for(1, 10, 100); // 30,000 bytes each
  auto refused = by.ask<embed_reply>(there.front, embed_atom_v, large);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK(refused.error().what.find("send it in parts") != std::string::npos);
  auto answer = (*connect({"a"}))->embed(large);
  CHECK(answer.all_ok());
  CHECK(right(answer, 1, 10));
}

TEST_CASE_METHOD(node_fixture,
                 "of the requests that a peer has under way only so many are taken, and others are served") {
  start({.name = "a", .per_picture = 20'000us, .words = {"most_open=4"}});
  auto other = connect({"a"});
  REQUIRE((*other)->embed(request_for(1, 1)).all_ok());
  raw_peer by{address("a"), tls()};
  auto ends = ends_of(by, by.enter().front, request_for(1, 8), 12);
  CHECK(ends == std::map<errc, int>{{errc::ok, 4}, {errc::overloaded, 8}});
  CHECK((*other)->embed(request_for(1, 1)).all_ok());
  CHECK(ends_of(by, by.enter().front, request_for(1, 8), 4) == std::map<errc, int>{{errc::ok, 4}});
}

TEST_CASE_METHOD(node_fixture, "a peer that asks faster than it may is refused what is too much") {
  start({.name = "a", .words = {"burst=5", "per_second=1"}});
  raw_peer by{address("a"), tls()};
  auto ends = ends_of(by, by.enter().front, request_for(1, 1), 50);
  CHECK(ends[errc::ok] >= 5);
  CHECK(ends[errc::overloaded] >= 50 - 5 - 30); // a token for each of the seconds that it took
  CHECK(ends[errc::ok] + ends[errc::overloaded] == 50);
}

TEST_CASE_METHOD(node_fixture,
                 "a peer that sends much and reads nothing costs others nothing, and is given up") {
  auto& node = start({.name = "a", .words = {"silence_ms=2000"}});
  auto by = connect({"a"});
  load others{*by, {.at_once = 2}};
  REQUIRE(comes([&] { return others.done() > 20; }));
  auto before = node.resident_bytes();
  program peer{{VEF_TEST_PEER, "flood", "node=" + address("a"), "tls=" + tls().string(), "count=1000",
                "side=100", "first=1000000"},
               folder / "peer.log"};
  REQUIRE(peer.line() == "sent");
  peer.freeze();
  auto so_far = others.done();
  CHECK(comes([&] { return others.done() > so_far + 50; }));
  CHECK(comes([&] { return node.log().find("a client gives no sign of life") != std::string::npos; }));
  CHECK(node.resident_bytes() < before + 256_MiB);
  so_far = others.done();
  CHECK(comes([&] { return others.done() > so_far + 50; }));
  auto end = others.stop();
  INFO(end);
  CHECK(end.sound());
  CHECK(end.errors.empty());
}

TEST_CASE_METHOD(node_fixture,
                 "a node reads for others what it shares, and nothing else, whatever the path is like") {
  auto inside = folder.put("shared/in.bmp", bitmap(10, 20, 30));
  auto outside = folder.put("private/out.bmp", bitmap(40, 50, 60));
  fs::create_symlink(outside, folder / "shared/link.bmp");
  start({.name = "a", .words = {"shared=" + (folder / "shared")}});
  raw_peer by{address("a"), tls()};
  embed_request request;
  request.images = {inside,
                    outside,
                    folder / "shared/link.bmp",
                    folder / "shared/../private/out.bmp",
                    folder / "shared/none.bmp",
                    inside};
  auto reply = by.ask<embed_reply>(by.enter().front, embed_atom_v, request);
  REQUIRE(reply);
  std::vector<errc> codes;
  for (const auto& x : reply->outcomes) codes.push_back(x.code);
  CHECK(codes
        == std::vector{errc::ok, errc::not_allowed, errc::not_allowed, errc::not_allowed,
                       errc::file_not_found, errc::ok});
  CHECK(number_of(reply->vectors.row(0)) == (10u | 20u << 8 | 30u << 16));
  CHECK(number_of(reply->vectors.row(5)) == (10u | 20u << 8 | 30u << 16));
}

TEST_CASE_METHOD(node_fixture, "a client's files are done by a node whether it can read them or not") {
  auto shared = folder.put("shared/in.bmp", bitmap(10, 20, 30));
  auto own = folder.put("own/in.bmp", bitmap(40, 50, 60));
  start({.name = "a", .words = {"shared=" + (folder / "shared")}});
  embed_request request;
  request.images = {shared, own, folder / "own/none.bmp"};
  auto answer = (*connect({"a"}))->embed(request);
  REQUIRE(answer.size() == 3);
  REQUIRE(answer[0]);
  REQUIRE(answer[1]);
  CHECK(number_of(answer[0].vector()) == (10u | 20u << 8 | 30u << 16));
  CHECK(number_of(answer[1].vector()) == (40u | 50u << 8 | 60u << 16));
  CHECK(answer[2].error().code == errc::file_not_found);
}

TEST_CASE_METHOD(node_fixture, "a node that is read-only embeds and tells, and refuses to be changed") {
  start({.name = "a", .words = {"read_only"}});
  auto by = connect({"a"});
  CHECK((*by)->embed(request_for(1, 4)).all_ok());
  CHECK((*by)->models()->size() == 1);
  CHECK((*by)->status());
  auto refused = [](const auto& x) { return !x && x.error().code == errc::not_allowed; };
  CHECK(refused((*by)->load("numbered", "a")));
  CHECK(refused((*by)->unload_all()));
  CHECK(refused((*by)->create(service_spec{.name = "second", .backend = "numbered"})));
  CHECK(refused((*by)->stop("numbered")));
  CHECK(refused((*by)->pin("numbered", "a")));
  CHECK((*by)->embed(request_for(1, 4)).all_ok());
}
