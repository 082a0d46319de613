// The memory of forward passes: asked for, bounded, learned, given back.
#include "support/actor_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

/// Models of 1000 bytes whose passes take 500 bytes for each picture.
struct hungry : actor_fixture {
  hungry() {
    for (auto& x : control->catalog) {
      x.tiers = {{tier::host, "host", 1000, true}};
      x.working_estimate = 500;
      x.batch_size = 8;
    }
    control->working = 500;
  }

  result<embed_reply> embed_many(const service_actor& s, std::size_t pictures, std::string id = "a") {
    return embed(s, std::vector<image>(pictures, plain(1, 1, 1)), std::move(id));
  }
  std::size_t largest_batch() const {
    return control->batches.empty() ? 0 : *std::ranges::max_element(control->batches);
  }
};

} // namespace

TEST_CASE_METHOD(hungry, "the memory of one picture is set aside with the load") {
  auto plan = ask<load_plan>(make_service(), plan_atom_v, std::string{"a"}).value();
  CHECK(plan.needs == std::vector<device_bytes>{{"host", 1500}});
}

TEST_CASE_METHOD(hungry, "a batch is as large as there is memory for") {
  auto s = make_service();
  REQUIRE(embed_many(s, 8));
  CHECK(largest_batch() == 8);
  CHECK(host().working == 4000);
  control->batches.clear();
  REQUIRE(embed_many(s, 8, "b"));
  CHECK(host().resident + host().working <= 10000);
  REQUIRE(embed_many(s, 8, "c"));
  CHECK(host().resident + host().reserved + host().working <= 10000);
}

TEST_CASE_METHOD(hungry, "a batch is cut to what the memory that is left allows") {
  control->catalog[1].tiers[0].bytes = 6500; // and 500 to work with: 3000 are left for a
  auto s = make_service();
  pin(s, "b");
  REQUIRE(use(s, "b"));
  control->batches.clear();
  auto reply = embed_many(s, 8);
  REQUIRE(reply);
  CHECK(std::ranges::none_of(reply->outcomes, &error::operator bool));
  CHECK(largest_batch() == 4);
  CHECK(host().resident + host().working <= 10000);
}

TEST_CASE_METHOD(hungry, "what idle models keep for passes goes before any model does") {
  control->catalog[1].tiers[0].bytes = 6000;
  auto s = make_service();
  REQUIRE(embed_many(s, 8));
  CHECK(host().working == 4000);
  REQUIRE(use(s, "b"));
  CHECK(where(s, "a") == tier::host);
  CHECK(where(s, "b") == tier::host);
  CHECK(host().working == 1000);
  auto trimmed = memory().recent.back();
  CHECK(trimmed.from == trimmed.to);
  CHECK(trimmed.bytes_expected == 3500);
  CHECK(embed_many(s, 8));
}

TEST_CASE_METHOD(hungry, "what passes were measured to need is known after the model has gone") {
  control->working = 700;
  auto s = make_service();
  REQUIRE(embed_many(s, 8));
  REQUIRE(use(s, "a"));
  (void)ask<std::vector<unload_report>>(governor, unload_atom_v, unload_request{});
  auto plan = ask<load_plan>(s, plan_atom_v, std::string{"a"}).value();
  CHECK(plan.needs == std::vector<device_bytes>{{"host", 1700}});
  auto known = memory().usage.at(0).working;
  CHECK(std::ranges::find(known, working_sample{8, 5600}) != known.end());
}

TEST_CASE_METHOD(hungry, "a batch that finds no memory is halved and does not come again") {
  auto failures = 0;
  control->on_embed = [&](std::span<const pixels> images) -> result<void> {
    if (images.size() <= 4) return {};
    ++failures;
    throw std::bad_alloc{};
  };
  auto s = make_service();
  auto reply = embed_many(s, 8);
  REQUIRE(reply);
  CHECK(std::ranges::none_of(reply->outcomes, &error::operator bool));
  CHECK(failures == 1);
  CHECK(model(s, "a").ran_out == 1);
  for (int i = 0; i < 5; ++i) REQUIRE(embed_many(s, 16));
  CHECK(failures == 1);
}

TEST_CASE_METHOD(hungry, "one model without memory is no matter of the others") {
  control->on_embed = [&](std::span<const pixels> images) -> result<void> {
    if (images[0].rgb[0] == 66) throw std::bad_alloc{};
    return {};
  };
  auto s = make_service();
  auto bad = send<embed_reply>(s, embed_atom_v, request(std::vector<image>(3, plain(66, 0, 0)), "a"));
  auto good = send<embed_reply>(s, embed_atom_v, request(std::vector<image>(3, plain(5, 5, 5)), "b"));
  settle();
  REQUIRE((*bad && **bad && *good && **good));
  for (auto& x : (**bad)->outcomes) CHECK(x.code == errc::out_of_memory);
  for (auto& x : (**good)->outcomes) CHECK_FALSE(x);
  (void)ask<std::vector<unload_report>>(governor, unload_atom_v, unload_request{});
  CHECK(host().room == 10000);
}
