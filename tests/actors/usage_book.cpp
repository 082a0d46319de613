#include "support/catch.hpp"

#include <vef/actors/usage_book.hpp>

#include <rapidcheck.h>

#include <set>

using namespace vef;
using namespace std::chrono_literals;

namespace {

constexpr auto most = usage_book::most;

timestamp at(std::int64_t ms) { return timestamp{std::chrono::milliseconds{ms}}; }

struct one_model {
  usage_book book;
  model_key who{"s", "m"};

  const model_usage& model() const { return *book.find(who); }

  load_result load(tier where, std::uint64_t bytes, std::chrono::microseconds took = 1s) const {
    return {who, where, {{{"host", bytes}}, {}}, took};
  }
};

} // namespace

TEST_CASE("nothing is known of a model that nobody spoke of") {
  usage_book book;
  CHECK(book.find({"s", "m"}) == nullptr);
  book.mark_unloaded({"s", "m"}, at(5));
  book.learn_working({"s", "m"}, {});
  CHECK(book.all().empty());
}

TEST_CASE_METHOD(one_model, "requests and images add up and the last use is kept") {
  book.record_usage(who, 2, 30, at(100));
  book.record_usage(who, 1, 12, at(200));
  CHECK(model().who == who);
  CHECK(model().requests == 3);
  CHECK(model().images == 42);
  CHECK(model().last_used == at(200));
  CHECK(model().resident_since == timestamp{});
}

TEST_CASE_METHOD(one_model, "models of two services are apart even with one name") {
  book.record_usage({"b", "m"}, 1, 1, at(1));
  book.record_usage({"a", "m"}, 2, 2, at(1));
  REQUIRE(book.all().size() == 2);
  CHECK(book.all()[0].who == model_key{"a", "m"});
  CHECK(book.find({"b", "m"})->requests == 1);
}

TEST_CASE_METHOD(one_model, "counts that would overflow stay at the most") {
  book.record_usage(who, ~std::uint64_t{0}, most, at(1));
  book.record_usage(who, 1, ~std::uint64_t{0}, at(1));
  CHECK(model().requests == most);
  CHECK(model().images == most);
}

TEST_CASE_METHOD(one_model, "the time of loads is smoothed") {
  book.mark_loaded(load(tier::host, 1, 1000us), 0, at(1));
  CHECK(model().load_time == 1000us);
  book.mark_loaded(load(tier::host, 1, 2000us), 0, at(2));
  CHECK(model().load_time == 1300us);
  book.mark_loaded(load(tier::host, 1, 300us), 0, at(3));
  CHECK(model().load_time == 1000us);
  CHECK(model().loads == 3);
}

TEST_CASE_METHOD(one_model, "a load whose time is not known leaves the time of loads alone") {
  book.mark_loaded(load(tier::host, 1, 0us), 0, at(1));
  book.mark_loaded(load(tier::host, 1, 500us), 0, at(2));
  book.mark_loaded(load(tier::host, 1, -5us), 0, at(3));
  CHECK(model().load_time == 500us);
  book.mark_loaded(load(tier::host, 1, std::chrono::microseconds::max()), 0, at(4));
  CHECK(model().load_time > 500us);
}

TEST_CASE_METHOD(one_model, "the estimate's error is that of the first load that had an estimate") {
  book.mark_loaded(load(tier::host, 100), 0, at(1));
  CHECK(model().estimate_error == 0);
  book.mark_loaded(load(tier::host, 100), 150, at(2));
  CHECK(model().estimate_error == Approx(0.5));
  book.mark_loaded(load(tier::host, 100), 50, at(3));
  CHECK(model().estimate_error == Approx(0.5));
}

TEST_CASE_METHOD(one_model, "an estimate that was right stays the first one") {
  book.mark_loaded(load(tier::host, 100), 100, at(1));
  book.mark_loaded(load(tier::host, 100), 300, at(2));
  CHECK(model().estimate_error == 0);
}

TEST_CASE_METHOD(one_model, "a load that measured nothing has no estimate's error") {
  book.mark_loaded(load(tier::host, 0), 100, at(1));
  CHECK(model().estimate_error == 0);
  book.mark_loaded(load(tier::host, 50), 100, at(2));
  CHECK(model().estimate_error == Approx(1));
}

TEST_CASE_METHOD(one_model, "the time in memory adds up when the model leaves it") {
  book.mark_loaded(load(tier::host, 1), 0, at(1000));
  CHECK(model().resident_since == at(1000));
  CHECK(model().resident_time == 0ms);
  book.mark_unloaded(who, at(1500));
  CHECK(model().resident_since == timestamp{});
  CHECK(model().resident_time == 500ms);
  CHECK(model().unloads == 1);
  book.mark_unloaded(who, at(9000));
  CHECK(model().resident_time == 500ms);
  CHECK(model().unloads == 1);
  book.mark_loaded(load(tier::host, 1), 0, at(10000));
  book.mark_unloaded(who, at(10250));
  CHECK(model().resident_time == 750ms);
}

TEST_CASE_METHOD(one_model, "a model loaded again without an unload was in memory until then") {
  book.mark_loaded(load(tier::host, 1), 0, at(100));
  book.mark_loaded(load(tier::host, 1), 0, at(300));
  CHECK(model().resident_time == 200ms);
  CHECK(model().resident_since == at(300));
  CHECK(model().unloads == 0);
}

TEST_CASE_METHOD(one_model, "a clock that goes backwards takes no time away") {
  book.mark_loaded(load(tier::host, 1), 0, at(1000));
  book.mark_unloaded(who, at(400));
  CHECK(model().resident_time == 0ms);
  book.mark_loaded(load(tier::host, 1), 0, timestamp::max());
  book.mark_unloaded(who, timestamp::min());
  CHECK(model().resident_time == 0ms);
  book.record_usage(who, 1, 1, timestamp::min());
  CHECK(model().last_used > timestamp{});
}

TEST_CASE_METHOD(one_model, "the time in memory stays at the most") {
  for (int i = 0; i < 3; ++i) {
    book.mark_loaded(load(tier::host, 1), 0, at(1));
    book.mark_unloaded(who, timestamp::max());
  }
  CHECK(model().resident_time == std::chrono::milliseconds::max());
}

TEST_CASE_METHOD(one_model, "a restart forgets where models are and keeps the rest") {
  book.mark_loaded(load(tier::host, 1), 0, at(100));
  book.record_usage(who, 1, 1, at(200));
  book.forget_residence(at(300));
  CHECK(model().resident_since == timestamp{});
  CHECK(model().resident_time == 200ms);
  CHECK(model().unloads == 0);
  CHECK(model().loads == 1);
  CHECK(model().requests == 1);
}

TEST_CASE_METHOD(one_model, "what a tier needs replaces what was learned of it before") {
  book.mark_loaded({who, tier::device, {{{"cuda:0", 70}, {"host", 7}}, {{"cuda:0", 9}}}, 1s}, 0, at(1));
  book.mark_moved(load(tier::packed, 60));
  CHECK(model().tiers
        == std::vector<tier_need>{
            {tier::packed, "host", 60}, {tier::device, "cuda:0", 70}, {tier::device, "host", 7}});
  book.mark_moved({who, tier::device, {{{"cuda:1", 80}}, {}}, 1s});
  CHECK(model().tiers == std::vector<tier_need>{{tier::packed, "host", 60}, {tier::device, "cuda:1", 80}});
  CHECK(model().loads == 1);
}

TEST_CASE_METHOD(one_model, "a move that measured nothing teaches nothing") {
  book.mark_moved(load(tier::host, 60));
  book.mark_moved({who, tier::host, {}, 1s});
  book.mark_moved(load(tier::absent, 60));
  CHECK(model().tiers == std::vector<tier_need>{{tier::host, "host", 60}});
}

TEST_CASE_METHOD(one_model, "the larger figure for a number of pictures stays") {
  book.learn_working(who, {{4, 100}, {8, 150}, {0, 7}, {3, 0}});
  book.learn_working(who, {{4, 90}, {8, 200}});
  CHECK(model().working == std::vector<working_sample>{{4, 100}, {8, 200}});
}

TEST_CASE_METHOD(one_model, "of more than 32 numbers of pictures those seen last are kept") {
  for (std::uint32_t n = 1; n <= 32; ++n) book.learn_working(who, {{n, n}});
  book.learn_working(who, {{1, 1}});
  book.learn_working(who, {{40, 40}});
  REQUIRE(model().working.size() == 32);
  std::set<std::uint32_t> kept;
  for (const auto& x : model().working) kept.insert(x.pictures);
  CHECK(kept.contains(1));
  CHECK(kept.contains(40));
  CHECK_FALSE(kept.contains(2));
}

TEST_CASE("whatever is learned of passes a number of pictures is known once and with its largest figure") {
  using samples = std::vector<std::pair<std::uint8_t, std::uint16_t>>;
  REQUIRE(rc::check([](const samples& list) {
    usage_book book;
    std::map<std::uint32_t, std::uint64_t> largest;
    for (auto [pictures, bytes] : list) {
      book.learn_working({"s", "m"}, {{pictures, bytes}});
      largest[pictures] = std::max<std::uint64_t>(largest[pictures], bytes);
    }
    auto known = book.find({"s", "m"});
    if (!known) return;
    RC_ASSERT(known->working.size() <= 32u);
    std::set<std::uint32_t> seen;
    for (const auto& x : known->working) {
      RC_ASSERT(seen.insert(x.pictures).second);
      RC_ASSERT(x.bytes <= largest[x.pictures]);
      if (largest.size() <= 32) RC_ASSERT(x.bytes == largest[x.pictures]);
    }
  }));
}
