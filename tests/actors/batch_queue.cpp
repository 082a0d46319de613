#include "support/catch.hpp"
#include "support/fake_backend.hpp"

#include <vef/actors/batch_queue.hpp>

#include <algorithm>
#include <random>

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

struct queue_fixture {
  batch_queue queue{"s", fake_model("m", 4), {.max_images = 100, .max_batch = 16, .ahead = 8}};
  batch_queue::time_point now{};

  batch_queue::request_id admit(std::size_t images, priority p = priority::normal,
                                std::chrono::milliseconds allowed = 60min) {
    embed_request x{.images = std::vector<image>(images, plain(1, 2, 3)), .priority = p};
    return queue.admit(std::move(x), now, now + allowed).value();
  }

  std::vector<batch_queue::place> start_preparing() {
    std::vector<batch_queue::place> out;
    while (auto task = queue.next_to_prepare()) out.push_back(task->where);
    return out;
  }

  void prepare(batch_queue::place where, std::uint32_t side = 2) {
    queue.prepared(where, pixels{side, side, std::vector<std::uint8_t>(side * side * 3)}, 1us);
  }

  void prepare_all() {
    for (auto where : start_preparing()) prepare(where);
  }

  void embed(batch_queue::batch& x, error outcome = {}) {
    for (auto& row : x.rows) std::ranges::fill(row, 7.f);
    queue.embedded(x.id, std::vector<error>(x.where.size(), outcome), 1us);
  }

  std::vector<std::size_t> batch_sizes() {
    std::vector<std::size_t> out;
    while (auto x = queue.next_batch()) {
      out.push_back(x->where.size());
      embed(*x);
    }
    return out;
  }
};

} // namespace

TEST_CASE_METHOD(queue_fixture, "pictures are prepared ahead by a bounded number") {
  admit(50);
  CHECK(start_preparing().size() == 8);
  CHECK(start_preparing().empty());
}

TEST_CASE_METHOD(queue_fixture, "a larger batch size has two batches prepared ahead") {
  embed_request x{.images = std::vector<image>(60, plain(1, 2, 3)), .batch_size = 10};
  REQUIRE(queue.admit(std::move(x), now, now + 60min));
  CHECK(start_preparing().size() == 20);
}

TEST_CASE_METHOD(queue_fixture, "small requests share a batch") {
  for (int i = 0; i < 4; ++i) admit(1);
  prepare_all();
  CHECK(batch_sizes() == std::vector<std::size_t>{4});
  CHECK(queue.take_finished(now).size() == 4);
  CHECK(queue.empty());
}

TEST_CASE_METHOD(queue_fixture, "a large request is cut into full batches and a rest") {
  admit(7);
  prepare_all();
  CHECK(batch_sizes() == std::vector<std::size_t>{4, 3});
}

TEST_CASE_METHOD(queue_fixture, "a part of a batch waits while its request is being prepared") {
  admit(6);
  auto places = start_preparing();
  prepare(places[0]);
  prepare(places[1]);
  CHECK_FALSE(queue.next_batch());
  prepare(places[2]);
  CHECK_FALSE(queue.full_batch_ready());
  prepare(places[3]);
  CHECK(queue.full_batch_ready());
  CHECK(queue.next_batch());
}

TEST_CASE_METHOD(queue_fixture, "a finished small request does not wait for a slow large one") {
  admit(8, priority::low);
  auto slow = start_preparing();
  prepare(slow[0]);
  auto quick = admit(1);
  // The window is full of the large request; one place comes free with each picture that goes.
  CHECK(start_preparing().empty());
  for (int i = 1; i < 4; ++i) prepare(slow[static_cast<std::size_t>(i)]);
  auto first = queue.next_batch();
  REQUIRE(first);
  embed(*first);
  auto place = start_preparing();
  REQUIRE(place.size() >= 1);
  CHECK(place[0].request == quick);
  prepare(place[0]);
  auto batch = queue.next_batch();
  REQUIRE(batch);
  CHECK(batch->where[0].request == quick);
}

TEST_CASE_METHOD(queue_fixture, "a higher priority goes first and then the older") {
  auto low = admit(1, priority::low), first = admit(1), second = admit(1), high = admit(1, priority::high);
  auto places = start_preparing();
  std::vector<batch_queue::request_id> order;
  for (auto x : places) order.push_back(x.request);
  CHECK(order == std::vector{high, first, second, low});
}

TEST_CASE_METHOD(queue_fixture, "pictures of different sizes go in different batches") {
  admit(4);
  auto places = start_preparing();
  for (std::uint32_t i = 0; i < 4; ++i) prepare(places[i], 2 + i % 2);
  CHECK(batch_sizes() == std::vector<std::size_t>{2, 2});
}

TEST_CASE_METHOD(queue_fixture, "a picture that can not be prepared costs the others nothing") {
  admit(3);
  auto places = start_preparing();
  queue.prepared(places[1], fail(errc::corrupt_image, "bad"), 1us);
  prepare(places[0]);
  prepare(places[2]);
  CHECK(batch_sizes() == std::vector<std::size_t>{2});
  auto done = queue.take_finished(now);
  REQUIRE(done.size() == 1);
  CHECK(done[0].reply.outcomes[1].code == errc::corrupt_image);
  CHECK_FALSE(done[0].reply.outcomes[2]);
  CHECK(done[0].reply.vectors.row(2)[0] == 7);
  CHECK(done[0].reply.vectors.row(1)[0] == 0);
}

TEST_CASE_METHOD(queue_fixture, "a request whose pictures all fail is finished without a batch") {
  admit(2);
  for (auto where : start_preparing()) queue.prepared(where, fail(errc::empty_image, ""), 1us);
  CHECK_FALSE(queue.next_batch());
  CHECK(queue.take_finished(now).size() == 1);
}

TEST_CASE_METHOD(queue_fixture, "vectors are written where the reply has them") {
  admit(2);
  prepare_all();
  auto batch = queue.next_batch();
  auto where = batch->rows[0].data();
  embed(*batch);
  CHECK(queue.take_finished(now).at(0).reply.vectors.row(0).data() == where);
}

TEST_CASE_METHOD(queue_fixture, "the only picture there is goes out before it is prepared") {
  auto id = admit(1);
  auto lone = queue.next_lone();
  REQUIRE(lone);
  CHECK(lone->task.where.request == id);
  CHECK(lone->work.images.empty());
  CHECK_FALSE(queue.next_lone());
  CHECK(start_preparing().empty());
  embed(lone->work);
  auto done = queue.take_finished(now);
  REQUIRE(done.size() == 1);
  CHECK(done[0].reply.vectors.row(0)[0] == 7);
}

TEST_CASE_METHOD(queue_fixture, "a picture with company is prepared like any other") {
  auto lone = [&] { return queue.next_lone().has_value(); };
  admit(2);
  CHECK_FALSE(lone());
  (void)queue.abandon();
  admit(1);
  admit(1);
  CHECK_FALSE(lone());
  (void)queue.abandon();
  admit(1);
  auto places = start_preparing();
  CHECK_FALSE(lone());
  prepare(places[0]);
  CHECK_FALSE(lone());
  CHECK(batch_sizes() == std::vector<std::size_t>{1});
  (void)queue.take_finished(now);
  queue.hold_new();
  admit(1);
  CHECK_FALSE(lone());
}

TEST_CASE_METHOD(queue_fixture, "a full queue says overloaded and an impossible request says so") {
  admit(60);
  auto request = [](std::size_t n) { return embed_request{.images = std::vector<image>(n, plain(0, 0, 0))}; };
  CHECK(queue.admit(request(41), now, now).error().code == errc::overloaded);
  CHECK(queue.admit(request(101), now, now).error().code == errc::invalid_argument);
  CHECK(queue.admit(request(0), now, now).error().code == errc::invalid_argument);
  CHECK(queue.admit(request(40), now, now + 60min));
}

TEST_CASE_METHOD(queue_fixture, "a deadline keeps what is done and fails the rest") {
  admit(6, priority::normal, 100ms);
  admit(1);
  prepare_all();
  auto first = queue.next_batch();
  embed(*first);
  auto second = queue.next_batch(); // still under way at the deadline
  REQUIRE(second);
  CHECK(queue.next_deadline() == now + 100ms);
  now += 100ms;
  queue.expire(now);
  auto done = queue.take_finished(now);
  REQUIRE(done.size() == 1);
  CHECK(
      std::ranges::count_if(done[0].reply.outcomes, [](auto& x) { return x.code == errc::deadline_exceeded; })
      == 2);
  CHECK(done[0].reply.vectors.row(0)[0] == 7);
  // What comes late is written into memory of its own and ignored.
  embed(*second);
  CHECK(done[0].reply.vectors.row(5)[0] == 0);
  CHECK(queue.images() == 0);
  CHECK(queue.take_finished(now).size() == 1);
}

TEST_CASE_METHOD(queue_fixture, "a picture that is prepared after its deadline is dropped") {
  admit(1, priority::normal, 10ms);
  auto places = start_preparing();
  queue.expire(now + 10ms);
  CHECK(queue.take_finished(now).size() == 1);
  prepare(places[0]);
  CHECK_FALSE(queue.next_batch());
  admit(8);
  CHECK(start_preparing().size() == 8); // its place in the window is free again
}

TEST_CASE_METHOD(queue_fixture, "a hold lets the earlier requests finish and the later ones wait") {
  admit(2);
  auto places = start_preparing();
  queue.hold_new();
  admit(1);
  CHECK(start_preparing().empty());
  for (auto where : places) prepare(where);
  CHECK(batch_sizes() == std::vector<std::size_t>{2});
  CHECK_FALSE(queue.drained());
  CHECK(queue.take_finished(now).size() == 1);
  CHECK(queue.drained());
  CHECK_FALSE(queue.empty());
  queue.release();
  CHECK_FALSE(queue.drained());
  CHECK(start_preparing().size() == 1);
}

TEST_CASE_METHOD(queue_fixture, "no order of events loses a picture or answers twice") {
  std::mt19937 random{11};
  auto dice = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::vector<batch_queue::place> preparing;
  std::vector<batch_queue::batch> running;
  std::map<batch_queue::request_id, std::size_t> open;
  std::size_t answered = 0, admitted = 0;
  auto collect = [&] {
    for (auto& done : queue.take_finished(now)) {
      REQUIRE(open.contains(done.request));
      REQUIRE(done.reply.outcomes.size() == open[done.request]);
      for (std::size_t i = 0; i < done.reply.outcomes.size(); ++i)
        REQUIRE(done.reply.vectors.row(i)[0] == (done.reply.outcomes[i] ? 0.f : 7.f));
      open.erase(done.request);
      ++answered;
    }
  };
  for (int step = 0; step < 20000; ++step) {
    now += 1ms;
    switch (dice(6)) {
    case 0: {
      auto n = 1 + dice(9);
      embed_request x{.images = std::vector<image>(n, plain(0, 0, 0))};
      x.priority = static_cast<priority>(dice(3));
      x.batch_size = static_cast<std::uint32_t>(dice(6));
      if (auto id = queue.admit(std::move(x), now, now + std::chrono::milliseconds{dice(200)}))
        open[*id] = n, ++admitted;
      break;
    }
    case 1:
      if (auto task = queue.next_to_prepare()) preparing.push_back(task->where);
      break;
    case 2:
      if (!preparing.empty()) {
        auto i = dice(preparing.size());
        if (dice(5) == 0)
          queue.prepared(preparing[i], fail(errc::corrupt_image, ""), 1us);
        else
          prepare(preparing[i], 2 + static_cast<std::uint32_t>(dice(2)));
        preparing.erase(preparing.begin() + static_cast<std::ptrdiff_t>(i));
      }
      break;
    case 3:
      if (auto lone = queue.next_lone()) running.push_back(std::move(lone->work));
      if (auto x = queue.next_batch()) running.push_back(std::move(*x));
      break;
    case 4:
      if (!running.empty()) {
        auto i = dice(running.size());
        embed(running[i], dice(5) == 0 ? error{errc::embed_failed, ""} : error{});
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
      }
      break;
    case 5:
      if (dice(4) == 0) queue.expire(now);
      if (dice(10) == 0) dice(2) ? queue.hold_new() : queue.release();
      break;
    }
    collect();
  }
  queue.release();
  queue.expire(now + 60min);
  collect();
  CHECK(open.empty());
  CHECK(answered == admitted);
  CHECK(queue.images() == 0);
  CHECK(admitted > 500);
}
