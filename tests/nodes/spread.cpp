#include "support/catch.hpp"

#include <vef/nodes/spread.hpp>

#include <rapidcheck.h>

#include <algorithm>

using namespace vef;
using namespace std::chrono_literals;

namespace {

using verdict = spread::verdict;
using words = std::vector<std::string>;

const error lost{errc::unavailable, "the node is gone"};
const error refused{errc::unknown_model, "no such model"};
const error bad_picture{errc::corrupt_image, "bad checksum"};

/// Of that many pictures, each named after its place.
embed_request pictures(std::size_t count) {
  embed_request x{.model = "m"};
  for (std::size_t i = 0; i < count; ++i) x.images.push_back(std::to_string(i));
  return x;
}

image weighs(std::size_t bytes) { return image::encoded(shared_bytes{std::vector<std::uint8_t>(bytes)}, ""); }

/// Two numbers from which the picture can be told.
std::vector<float> vector_of(const image& x) {
  auto place = std::stof(x.name);
  return {place + 1, -place};
}

/// What a node makes of a part. Of three pictures, `every_third_bad` leaves the last without a vector.
embed_reply answer(const spread::part& x, bool every_third_bad = false) {
  embed_reply out;
  out.service = "s";
  out.model = "m";
  auto values = std::make_shared<std::vector<float>>();
  for (const auto& picture : x.request.images) {
    auto bad = every_third_bad && std::stoi(picture.name) % 3 == 2;
    out.outcomes.push_back(bad ? bad_picture : error{});
    auto row = bad ? std::vector<float>{0, 0} : vector_of(picture);
    values->insert(values->end(), row.begin(), row.end());
  }
  out.vectors = matrix{x.request.images.size(), 2, values};
  return out;
}

embed_reply with_dim(const spread::part& x, std::size_t dim) {
  auto out = answer(x);
  out.vectors = matrix{x.count, dim, std::make_shared<std::vector<float>>(x.count * dim)};
  return out;
}

/// The numbers of the pictures in each part that can be had.
std::vector<std::uint32_t> sizes(spread& x, std::uint32_t most = spread::all) {
  std::vector<std::uint32_t> out;
  while (auto part = x.next(most)) out.push_back(part->count);
  return out;
}

void do_all(spread& x, bool every_third_bad = false) {
  while (auto part = x.next())
    REQUIRE(x.done(part->id, "a", answer(*part, every_third_bad)) == verdict::taken);
}

} // namespace

TEST_CASE("parts have no more pictures and bytes than the rules say, but at least one picture") {
  spread by_pictures{pictures(10), {.pictures = 4}};
  CHECK(sizes(by_pictures) == std::vector{4u, 4u, 2u});
  spread by_bytes{{.images = {weighs(60), weighs(40), weighs(1), weighs(500), weighs(1)}}, {.bytes = 100}};
  CHECK(sizes(by_bytes) == std::vector{2u, 1u, 1u, 1u});
  spread by_room{pictures(5)};
  CHECK(sizes(by_room, 2) == std::vector{2u, 2u, 1u});
  CHECK_FALSE(spread{pictures(5)}.next(0));
}

TEST_CASE("a part is asked for as the whole is, and shares its pictures") {
  embed_request request{.service = "s", .model = "m", .images = {weighs(9), weighs(9)}, .labels = {"gpu"}};
  auto content = request.images[1].bytes.view().data();
  spread x{request, {.pictures = 1}};
  x.next();
  auto part = x.next().value();
  CHECK(part.first == 1);
  CHECK(part.bytes == 9);
  CHECK(part.request.images.front().bytes.view().data() == content);
  request.images.erase(request.images.begin());
  CHECK(part.request == request);
}

TEST_CASE("answers that come in any order are put together in the order of the pictures") {
  spread x{pictures(5), {.pictures = 2}};
  auto first = x.next().value(), second = x.next().value(), third = x.next().value();
  CHECK(x.open_parts() == 3);
  for (const auto& part : {third, first, second}) {
    CHECK_FALSE(x.finished());
    CHECK(x.done(part.id, "a", answer(part)) == verdict::taken);
  }
  REQUIRE(x.finished());
  CHECK_FALSE(x.whole_error());
  spread::part whole{.request = pictures(5), .count = 5};
  auto expected = answer(whole);
  expected.timing.total = 9ms;
  CHECK(x.take(9ms) == expected);
}

TEST_CASE("a picture that can't be embedded costs its own place and nothing else") {
  spread x{pictures(6), {.pictures = 2}};
  do_all(x, true);
  spread::part whole{.request = pictures(6), .count = 6};
  CHECK(x.take(0us) == answer(whole, true));
}

TEST_CASE("a request of which no picture can be embedded is a reply nevertheless") {
  spread x{pictures(1)};
  auto part = x.next().value();
  auto reply = with_dim(part, 2);
  reply.outcomes = {bad_picture};
  CHECK(x.done(part.id, "a", reply) == verdict::taken);
  CHECK_FALSE(x.whole_error());
  CHECK(x.take(0us) == reply);
}

TEST_CASE("loads are waited for side by side, and the other times are added up") {
  spread x{pictures(2), {.pictures = 1}};
  for (auto load : {3ms, 2ms}) {
    auto part = x.next().value();
    auto reply = answer(part);
    reply.timing = {.total = 90ms, .load = load, .prepare = 1ms, .embed = 5ms};
    x.done(part.id, "a", reply);
  }
  CHECK(x.take(70ms).timing == embed_timing{.total = 70ms, .load = 3ms, .prepare = 2ms, .embed = 10ms});
}

TEST_CASE("a part that came back is handed out again before others, and who failed it is known") {
  spread x{pictures(4), {.pictures = 2}};
  auto part = x.next().value();
  x.failed(part.id, "a", lost, true);
  CHECK(x.waiting_pictures() == 4);
  auto again = x.next().value();
  CHECK(again.first == 0);
  CHECK(again.request == part.request);
  CHECK(again.id != part.id);
  CHECK(x.avoid(again.id) == words{"a"});
  CHECK(x.avoid(x.next()->id).empty());
}

TEST_CASE("a part that came back can go in smaller ones, which remember the same") {
  spread x{pictures(4)};
  x.failed(x.next()->id, "a", lost, true);
  auto one = x.next(1).value(), rest = x.next().value();
  CHECK(one.count == 1);
  CHECK(rest.count == 3);
  CHECK(x.avoid(one.id) == words{"a"});
  CHECK(x.avoid(rest.id) == words{"a"});
}

TEST_CASE("a part that was not sent is as if it had not been handed out") {
  spread x{pictures(4), {.attempts = 1}};
  for (auto n = 0; n < 5; ++n) x.put_back(x.next(1)->id);
  CHECK(sizes(x) == std::vector{4u});
}

TEST_CASE("a part is tried as often as the rules say") {
  spread x{pictures(1), {.attempts = 3}};
  for (auto n = 0; n < 3; ++n) {
    CHECK_FALSE(x.finished());
    x.failed(x.next()->id, "a", lost, false);
  }
  CHECK(x.finished());
}

TEST_CASE("an error that trying again does not mend is that of the part's pictures") {
  spread x{pictures(4), {.pictures = 2}};
  auto part = x.next().value();
  x.failed(part.id, "a", refused, false);
  do_all(x);
  auto reply = x.take(0us);
  CHECK(reply.outcomes == std::vector<error>{refused, refused, {}, {}});
  CHECK(std::ranges::equal(reply.vectors.values(), std::vector<float>{0, 0, 0, 0, 3, -2, 4, -3}));
}

TEST_CASE("what must not be done twice is tried again only if it can't have been done") {
  auto request = pictures(2);
  request.replay = replay::never;
  spread x{request, {.pictures = 1}};
  auto refused_at_the_door = x.next().value();
  x.failed(refused_at_the_door.id, "a", lost, false);
  auto part = x.next().value();
  CHECK(part.first == 0);
  x.failed(part.id, "a", lost, true);
  CHECK(x.waiting_pictures() == 1);
}

TEST_CASE("what comes from a node that was believed lost is passed over") {
  spread x{pictures(1)};
  auto part = x.next().value();
  x.failed(part.id, "a", lost, true);
  CHECK(x.done(part.id, "a", answer(part)) == verdict::late);
  auto again = x.next().value();
  CHECK(x.done(part.id, "a", answer(part)) == verdict::late);
  x.failed(part.id, "a", refused, true);
  CHECK(x.open_parts() == 1);
  CHECK(x.done(again.id, "b", answer(again)) == verdict::taken);
  CHECK(x.done(again.id, "b", answer(again)) == verdict::late);
  CHECK(x.take(0us).outcomes == std::vector<error>{{}});
}

TEST_CASE("an answer that does not fit its part is a failure of it") {
  spread x{pictures(12), {.pictures = 2}};
  auto part = x.next().value();
  REQUIRE(x.done(part.id, "a", answer(part)) == verdict::taken);
  auto refuse = [&](auto change) {
    auto next = x.next().value();
    auto reply = answer(next);
    change(next, reply);
    CHECK(x.done(next.id, "a", reply) == verdict::unusable);
  };
  refuse([](auto&, auto& reply) { reply.outcomes.pop_back(); });
  refuse([](auto&, auto& reply) { reply.vectors = {}; });
  refuse([](auto& next, auto& reply) { reply = with_dim(next, 3); });
  refuse([](auto& next, auto& reply) { reply = with_dim(next, 0); });
  refuse([](auto&, auto& reply) { reply.model = "another"; });
  REQUIRE(x.finished());
  auto reply = x.take(0us);
  for (std::size_t i = 0; i < 12; ++i) CHECK(reply.outcomes[i].code == (i < 2 ? errc::ok : errc::internal));
}

TEST_CASE("a failure without an error does not leave a picture with neither") {
  spread x{pictures(1)};
  x.failed(x.next()->id, "a", {}, false);
  CHECK(x.whole_error()->code == errc::internal);
}

TEST_CASE("when time is up all that is open has this error, and what was done is kept") {
  spread x{pictures(3), {.pictures = 1}};
  auto done = x.next().value(), open = x.next().value();
  x.done(done.id, "a", answer(done));
  error late{errc::deadline_exceeded, "not done after 1 s"};
  x.fail_rest(late);
  CHECK(x.finished());
  CHECK(x.done(open.id, "a", answer(open)) == verdict::late);
  CHECK(x.take(0us).outcomes == std::vector<error>{{}, late, late});
}

TEST_CASE("a request of which no part is done has the error of its first pictures") {
  spread x{pictures(2), {.pictures = 1, .attempts = 1}};
  auto first = x.next().value(), second = x.next().value();
  x.failed(second.id, "b", lost, false);
  x.failed(first.id, "a", refused, false);
  REQUIRE(x.finished());
  CHECK(x.whole_error() == refused);
}

TEST_CASE("a request without pictures is one part, which may fail as well") {
  spread good{pictures(0)};
  CHECK_FALSE(good.finished());
  do_all(good);
  CHECK(good.finished());
  CHECK(good.take(0us).model == "m");
  spread bad{pictures(0)};
  bad.failed(bad.next()->id, "a", refused, false);
  CHECK(bad.whole_error() == refused);
}
