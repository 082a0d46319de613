// Several nodes in virtual time: who does what, and what becomes of requests when a node goes.
#include "nodes/cluster_fixture.hpp"

using namespace vef;
using namespace vef::test;
using namespace std::chrono_literals;

namespace {

std::size_t pictures_of(const still_node& x) {
  std::size_t sum = 0;
  for (auto n : x.control->batches) sum += n;
  return sum;
}

} // namespace

TEST_CASE_METHOD(cluster_fixture, "a node without others embeds by itself") {
  auto& a = add("a", {fake_model("a")});
  auto reply = embed(a.front, request(5));
  REQUIRE(reply);
  CHECK(complete(*reply, 5));
}

TEST_CASE_METHOD(cluster_fixture, "nodes know of each other what they offer and how they do") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("b")});
  connect(a, b);
  for (auto [at, of, model] : {std::tuple{&a, "b", "b"}, std::tuple{&b, "a", "a"}}) {
    auto seen = view(*at, of);
    CHECK(seen.link == link_state::up);
    CHECK(seen.report.health.state == health::healthy);
    REQUIRE(seen.report.catalog.size() == 1);
    CHECK(seen.report.catalog[0].model.id == model);
    REQUIRE(seen.report.devices.size() == 1);
    CHECK(seen.report.devices[0].capacity == 10000);
  }
  auto models = look<std::vector<catalog_entry>>(a.front, models_atom_v);
  REQUIRE(models);
  CHECK(models->size() == 2);
}

TEST_CASE_METHOD(cluster_fixture, "a change at one node is known to the others within a second") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("b")});
  connect(a, b);
  CHECK(view(a, "b").report.models.empty());
  REQUIRE(embed(b.front, request(1, "b")));
  pass(1s);
  auto seen = view(a, "b").report.models;
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].who == model_key{"fake", "b"});
  CHECK(seen[0].state == model_state::ready);
}

TEST_CASE_METHOD(cluster_fixture, "a model that only another node offers is used there") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("b")});
  connect(a, b);
  auto reply = embed(a.front, request(3, "b"));
  REQUIRE(reply);
  CHECK(complete(*reply, 3));
  CHECK(a.control->loads == 0);
  CHECK(b.control->loads == 1);
}

TEST_CASE_METHOD(cluster_fixture, "a node where the model is ready is preferred to a load") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("a")});
  connect(a, b);
  warm_up({b});
  for (int i = 0; i < 5; ++i) REQUIRE(embed(a.front, request(2)));
  CHECK(a.control->loads == 0);
  CHECK(b.control->loads == 1);
}

TEST_CASE_METHOD(cluster_fixture, "two requests at two nodes at once have a model loaded once") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("a")});
  auto& c = add("c", {fake_model("a")});
  connect(a, b);
  connect(b, c);
  connect(a, c);
  auto one = send<embed_reply>(a.front, embed_atom_v, request(3));
  auto two = send<embed_reply>(b.front, embed_atom_v, request(3));
  auto three = send<embed_reply>(c.front, embed_atom_v, request(3));
  settle();
  for (const auto& x : {one, two, three}) {
    REQUIRE(*x);
    REQUIRE(**x);
    CHECK(complete(***x, 3));
  }
  CHECK(a.control->loads + b.control->loads + c.control->loads == 1);
}

TEST_CASE_METHOD(cluster_fixture,
                 "a large batch is spread over the nodes that have the model, and comes back in order") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("a")});
  connect(a, b);
  warm_up({a, b});
  auto reply = embed(a.front, request(1000));
  REQUIRE(reply);
  CHECK(complete(*reply, 1000));
  CHECK(pictures_of(a) + pictures_of(b) == 1002);
  CHECK(pictures_of(a) > 200);
  CHECK(pictures_of(b) > 200);
}

TEST_CASE_METHOD(cluster_fixture, "one bad picture costs its own place in a spread batch") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("a")});
  connect(a, b);
  auto x = request(200);
  x.images[123] = broken();
  auto reply = embed(a.front, x);
  REQUIRE(reply);
  REQUIRE(reply->outcomes.size() == 200);
  for (std::size_t i = 0; i < 200; ++i) CHECK(static_cast<bool>(reply->outcomes[i]) == (i == 123));
  CHECK(reply->outcomes[123].code == errc::not_a_picture);
}

TEST_CASE_METHOD(cluster_fixture, "what was under way at a node that dies is done by another one") {
  auto& a = add("a", {fake_model("b")});
  auto& b = add("b", {fake_model("a")});
  auto& c = add("c", {fake_model("a")});
  connect(a, b);
  connect(a, c);
  connect(b, c);
  auto pending = send<embed_reply>(a.front, embed_atom_v, request(40));
  act(); // the model is being loaded by one of the two, which has the request
  while (b.control->loads + c.control->loads == 0) REQUIRE(loaders().run_one());
  auto& holder = b.control->loads > 0 ? b : c;
  kill(holder);
  pass(5s);
  REQUIRE(*pending);
  REQUIRE(**pending);
  CHECK(complete(***pending, 40));
  CHECK((&holder == &b ? c : b).control->loads == 1);
}

TEST_CASE_METHOD(cluster_fixture, "a request that must not be replayed is not done a second time") {
  auto& a = add("a", {fake_model("b")});
  auto& b = add("b", {fake_model("a")});
  auto& c = add("c", {fake_model("a")});
  connect(a, b);
  connect(a, c);
  connect(b, c);
  auto x = request(4);
  x.replay = replay::never;
  auto pending = send<embed_reply>(a.front, embed_atom_v, x);
  act();
  while (b.control->loads + c.control->loads == 0) REQUIRE(loaders().run_one());
  kill(b.control->loads > 0 ? b : c);
  pass(5s);
  REQUIRE(*pending);
  REQUIRE_FALSE(**pending);
  CHECK((*pending)->error().code == errc::unavailable);
  CHECK(b.control->loads + c.control->loads == 1);
}

TEST_CASE_METHOD(cluster_fixture, "a model that fits nowhere is refused with the figures of each node") {
  auto huge = fake_model("huge");
  huge.memory_estimate = 20000;
  auto& a = add("a", {huge});
  auto& b = add("b", {huge});
  connect(a, b);
  auto reply = embed(a.front, request(1, "huge"));
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::over_budget);
  CHECK(reply.error().what.find("'a'") != std::string::npos);
  CHECK(reply.error().what.find("'b'") != std::string::npos);
  CHECK(a.control->loads + b.control->loads == 0);
}

TEST_CASE_METHOD(cluster_fixture, "a node that refuses a load is passed over for one that has room") {
  auto& a = add("a", {fake_model("b")});
  auto& b = add("b", {fake_model("a")});
  auto& c = add("c", {fake_model("a")});
  connect(a, b);
  connect(a, c);
  connect(b, c);
  b.control->on_load = [] { return result<void>{fail(errc::load_failed, "the disk is broken")}; };
  auto reply = embed(a.front, request(3));
  REQUIRE(reply);
  CHECK(complete(*reply, 3));
  CHECK(c.control->loads == 1);
}

TEST_CASE_METHOD(cluster_fixture,
                 "a model that no node can load is refused to a request that would wait for a node") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("a")});
  connect(a, b);
  for (auto* x : {&a, &b})
    x->control->on_load = [] { return result<void>{fail(errc::load_failed, "the file is torn")}; };
  auto x = request(3);
  x.replay = replay::when_back;
  auto pending = send<embed_reply>(a.front, embed_atom_v, x);
  pass(10s);
  REQUIRE(*pending);
  REQUIRE_FALSE(**pending);
  CHECK((*pending)->error().code == errc::load_failed);
  CHECK(a.control->loads + b.control->loads <= 2);
}

TEST_CASE_METHOD(cluster_fixture, "a request can name its node and labels") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("a")}, [](still_node& x, instance_options&) { x.facts.labels = {"gpu"}; });
  connect(a, b);
  auto labelled = request(1);
  labelled.labels = {"gpu"};
  REQUIRE(embed(a.front, labelled));
  CHECK(b.control->loads == 1);
  auto named = request(1);
  named.node = "b";
  REQUIRE(embed(a.front, named));
  CHECK(a.control->loads == 0);
  named.node = "c";
  auto nobody = embed(a.front, named);
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().code == errc::invalid_argument);
}

TEST_CASE_METHOD(cluster_fixture, "a node that fails fast does not attract the traffic") {
  auto& a = add("a", {fake_model("b")});
  auto& b = add("b", {fake_model("a")});
  auto& c = add("c", {fake_model("a")});
  connect(a, b);
  connect(a, c);
  warm_up({b, c});
  b.control->on_embed = [](std::span<const pixels>) {
    return result<void>{fail(errc::embed_failed, "the device is broken")};
  };
  std::size_t good = 0;
  for (int i = 0; i < 200; ++i) {
    auto reply = embed(a.front, request(1));
    good += reply && complete(*reply, 1);
  }
  CHECK(good > 190);
  CHECK(view(a, "b").link == link_state::ejected);
}

TEST_CASE_METHOD(cluster_fixture, "a request is answered by its deadline whatever the nodes do") {
  auto& a = add("a", {fake_model("b")});
  auto& b = add("b", {fake_model("a")});
  connect(a, b);
  auto x = request(4);
  x.time_allowed = 500ms;
  auto pending = send<embed_reply>(a.front, embed_atom_v, x);
  act();
  pass_without_workers(700ms);
  pass_without_workers(700ms);
  REQUIRE(*pending);
  REQUIRE_FALSE(**pending);
  CHECK((*pending)->error().code == errc::deadline_exceeded);
}

TEST_CASE_METHOD(cluster_fixture, "a node that dies is seen to be gone by the others") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("b")});
  connect(a, b);
  kill(b);
  pass(1s);
  auto seen = view(a, "b");
  CHECK(seen.link == link_state::connecting);
  CHECK(seen.problem);
  auto reply = embed(a.front, request(1, "b"));
  REQUIRE_FALSE(reply);
}

TEST_CASE_METHOD(cluster_fixture, "a second node of the same name is refused, and the first one goes on") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("b")});
  auto& twin =
      add("b", {fake_model("c")}, [](still_node& x, instance_options&) { x.facts.address = "x:7400"; });
  connect(a, b);
  connect(twin, a);
  CHECK(view(a, "b").facts.address == "b:7400");
  REQUIRE(embed(a.front, request(1, "b")));
}

TEST_CASE_METHOD(cluster_fixture, "services are made on a named node, whose supervisor owns them") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("b")});
  connect(a, b);
  auto made = ask<service_status>(a.front, create_atom_v, std::string{"b"},
                                  service_spec{.name = "second", .backend = "fake"});
  REQUIRE(made);
  CHECK(made->state == service_state::running);
  auto there = ask<node_status>(b.served.supervisor, status_atom_v).value();
  CHECK(there.services.size() == 2);
  auto here = ask<node_status>(a.served.supervisor, status_atom_v).value();
  CHECK(here.services.size() == 1);
}

TEST_CASE_METHOD(cluster_fixture, "a read-only node embeds for others but does as it likes otherwise") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("b")}, [](still_node& x, instance_options&) { x.facts.read_only = true; });
  REQUIRE(embed(b.front, request(1, "b"))); // its own
  connect(a, b);
  CHECK(embed(a.front, request(2, "b")));
  auto made = ask<service_status>(a.front, create_atom_v, std::string{"b"},
                                  service_spec{.name = "second", .backend = "fake"});
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::not_allowed);
  auto loaded =
      ask<model_status>(a.front, load_atom_v, std::string{"b"}, std::string{"fake"}, std::string{"b"});
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().code == errc::not_allowed);
}

TEST_CASE_METHOD(cluster_fixture, "unloading reaches every node") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("a")});
  connect(a, b);
  warm_up({a, b});
  auto gone = ask<std::vector<unload_report>>(a.front, unload_atom_v, unload_request{});
  REQUIRE(gone);
  CHECK(gone->size() == 2);
  CHECK(a.control->alive + b.control->alive == 0);
}

TEST_CASE_METHOD(cluster_fixture,
                 "a client has a cluster's work done and goes on with another node when one dies") {
  auto& a = add("a", {fake_model("a")});
  auto& b = add("b", {fake_model("a")});
  connect(a, b);
  auto client = add_client();
  connect(client, a);
  connect(client, b);
  auto reply = embed(client, request(700));
  REQUIRE(reply);
  CHECK(complete(*reply, 700));
  kill(a);
  pass(3s);
  reply = embed(client, request(10));
  REQUIRE(reply);
  CHECK(complete(*reply, 10));
}

TEST_CASE_METHOD(cluster_fixture, "a peer that gives no sign of life loses its session") {
  auto& a = add("a", {fake_model("a")});
  auto welcome = look<session_welcome>(caf::actor_cast<door_actor>(a.door), hello_atom_v, session_hello{});
  REQUIRE(welcome); // the asker has ended, which is as good as silence
  pass(15s);
  auto reply = ask<embed_reply>(welcome->front, embed_atom_v, request(1));
  CHECK_FALSE(reply);
}

TEST_CASE_METHOD(cluster_fixture,
                 "a disk that hangs while files are looked up keeps a node from nothing else") {
  auto& a = add("a", {fake_model("a")},
                [](still_node& x, instance_options&) { x.facts.shared_folders = {"/etc"}; });
  auto client = add_client();
  connect(client, a);
  REQUIRE(embed(client, request(1)));
  auto named = request(0);
  named.images = {image{"/etc/passwd"}};
  auto pending = send<embed_reply>(client, embed_atom_v, named);
  act();
  REQUIRE(preparers().run_one()); // the client sees that the node can read it
  act();
  preparers().get_stuck(); // the node looks it up
  auto other = embed(client, request(3));
  REQUIRE(other);
  CHECK(complete(*other, 3));
  CHECK_FALSE(*pending);
  preparers().run_stuck();
  settle();
  REQUIRE(*pending);
  REQUIRE(**pending);
  CHECK((*pending)->value().outcomes[0].code == errc::not_a_picture);
}
